let end: Promise<void> | undefined

/**
 * The end of this turn of the event loop, one promise for all that ask in it. What many requests are read in one turn
 * is then done for all of them in a row, with warm caches, and their answers leave together: the first wakes who
 * reads them on this machine, the others find it awake.
 */
export function endOfTurn(): Promise<void> {
  end ??= new Promise((resolve) => {
    setImmediate(() => {
      end = undefined
      resolve()
    })
  })
  return end
}
