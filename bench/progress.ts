import { clearLine, cursorTo } from 'node:readline'

export interface Progress {
  /** Says what begins now, and counts its seconds on a terminal. */
  begin: (what: string, seconds: number) => void
  /** Names what follows. */
  about: (name: string) => void
  end: () => void
}

/** One line that changes, on a terminal; else a line for each thing that begins. */
export function showProgress(stream: NodeJS.WriteStream, steps: number): Progress {
  let name = ''
  let step = 0
  let timer: NodeJS.Timeout | undefined

  const clear = () => {
    clearInterval(timer)
    if (!stream.isTTY) return
    clearLine(stream, 0)
    cursorTo(stream, 0)
  }
  return {
    about(next) {
      name = next
    },
    begin(what, seconds) {
      clear()
      step += 1
      const line = `[${String(step)}/${String(steps)}] ${name}: ${what}`
      if (!stream.isTTY) {
        stream.write(`${line}\n`)
        return
      }
      let left = seconds
      const write = () => {
        clearLine(stream, 0)
        cursorTo(stream, 0)
        stream.write(`${line}, ${String(Math.max(0, left))} s`)
        left -= 1
      }
      write()
      timer = setInterval(write, 1000)
    },
    end: clear
  }
}
