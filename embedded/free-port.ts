import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** A port of 127.0.0.1 that is free at this moment. */
export async function pickFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Starts a server on a free port, and on another one as long as it fails for a passing reason: a port that is
 * free at one moment may be taken at the next.
 */
export async function startOnFreePort<Server>(
  start: (port: number) => Promise<Server>,
  isPassing: RegExp,
  pickPort = pickFreePort,
  attempts = 5
): Promise<{ port: number; server: Server }> {
  const port = await pickPort()
  try {
    return { port, server: await start(port) }
  } catch (error) {
    if (attempts === 1 || !isPassing.test((error as Error).message)) throw error
    return startOnFreePort(start, isPassing, pickPort, attempts - 1)
  }
}
