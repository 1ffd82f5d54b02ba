import { existsSync } from 'node:fs'
import { connect } from 'node:net'

export interface Traces {
  readonly pid?: number
  readonly port: number
  readonly folder?: string
}

/** What a store or proxy left behind: nothing, once it is closed. */
export async function leftovers({ pid, port, folder }: Traces): Promise<string[]> {
  const found: string[] = []
  if (pid !== undefined && isAlive(pid)) found.push(`process ${pid}`)
  if (await isListening(port)) found.push(`port ${port}`)
  if (folder !== undefined && existsSync(folder)) found.push(`folder ${folder}`)
  return found
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
