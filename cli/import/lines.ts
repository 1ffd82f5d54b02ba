import { CommandError } from '../describe-error.ts'

export interface Line {
  /** From 1. */
  number: number
  text: string
  /** Bytes of the file up to and with this line, more or less. */
  read: number
}

/** Characters. No user takes so many: it is one JSON array, perhaps, or no text at all. */
const maximum = 65_536

/** Lines as they are asked for, and no more of the file than that in memory. Empty ones are left out. */
export async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let read = 0
  let number = 0
  let rest = ''
  const line = (text: string): Line[] => {
    number += 1
    return text.trim() === '' ? [] : [{ number, text: text.replace(/\r$/, ''), read }]
  }
  for await (const chunk of input) {
    read += chunk.length
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines.flatMap(line)
    if (rest.length > maximum)
      throw new CommandError(
        `Line ${String(number + 1)} has more than ${String(maximum)} characters: there has to be one user a line. If it is a JSON array: jq -c '.[]' FILE`
      )
  }
  yield* line(rest + decoder.decode())
}
