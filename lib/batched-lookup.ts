import DataLoader from 'dataloader'
import { setTimeout } from 'node:timers/promises'

/** ms after which a batch no longer waits for the one before it. */
const patience = 25

/**
 * A look-up whose calls share queries: all of one turn of the event loop, and all that come while a query is
 * under way. The busier it is, the more of them share one. Nothing is remembered.
 * @param find the values that there are, by id
 */
export function batchedLookup<Value>(
  find: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>
): (id: string) => Promise<Value | undefined> {
  let underWay: Promise<unknown> | undefined
  const loader = new DataLoader<string, Value | undefined>(
    async (ids) => {
      const finding = find(ids)
      underWay = finding
      try {
        const found = await finding
        return ids.map((id) => found.get(id))
      } finally {
        if (underWay === finding) underWay = undefined
      }
    },
    {
      cache: false,
      batchScheduleFn(send) {
        if (!underWay) {
          setImmediate(send)
          return
        }
        // Whether it succeeds or not is told to those who asked for it.
        const over = underWay.catch(() => undefined)
        void Promise.race([over, setTimeout(patience, undefined, { ref: false })]).then(send)
      }
    }
  )
  return (id) => loader.load(id)
}
