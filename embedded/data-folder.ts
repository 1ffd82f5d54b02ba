import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { endOrphan, identify, type ServerRecord } from './process-identity.ts'

/** A data folder that is this process's alone until it is released. */
export interface DataFolder {
  readonly path: string
  /** The servers of an owner that died, ended by now. */
  readonly orphans: readonly ServerRecord[]
  /** Remembers a server, so that the next owner can end it should this process die first. */
  record(pid: number, stopSignal: NodeJS.Signals): void
  /** Tells other processes of this user where the stores are, now that they are up. */
  announce(addresses: StoreAddresses): void
  readonly release: () => void
}

/** Where the stores of a data folder are to be found. */
export interface StoreAddresses {
  databaseUrl?: string
  redisUrl?: string
}

interface Owner {
  pid: number
  identity: string | undefined
  servers: ServerRecord[]
  addresses?: StoreAddresses
}

/**
 * The stores that a live process runs in a folder, while it does.
 * @returns undefined where there is none, or where they are not up yet
 */
export function runningStores(dataDir: string): StoreAddresses | undefined {
  const path = resolve(dataDir)
  const owners = existsSync(path) ? ownerFiles(path).map((name) => readOwner(join(path, name))) : []
  return owners.find(isAlive)?.addresses
}

/**
 * Makes the folder this process's own and ends what a dead owner left running in it.
 *
 * Every claimant first writes a file of its own and then looks for others, so that of two at once at most
 * one wins (both may lose: better than two servers on the same files). No file is ever taken over, so there
 * is no moment at which a live one could be mistaken for a stale one.
 * @throws where a live process owns the folder
 */
export async function claimDataFolder(dataDir: string): Promise<DataFolder> {
  const path = resolve(dataDir)
  mkdirSync(path, { recursive: true, mode: 0o700 })

  const file = join(path, `owner-${randomUUID()}.json`)
  const owner: Owner = { pid: process.pid, identity: identify(process.pid), servers: [] }
  const write = () => {
    writeFileSync(`${file}.new`, JSON.stringify(owner), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  const release = () => {
    rmSync(file, { force: true })
  }

  write()
  try {
    const orphans: ServerRecord[] = []
    for (const name of ownerFiles(path)) {
      const other = join(path, name)
      if (other === file) continue
      const { servers, ...owner } = readOwner(other)
      if (isAlive(owner)) {
        throw new Error(
          `The data folder ${path} is in use by process ${owner.pid}: stop that process, or choose another folder`
        )
      }
      await Promise.all(servers.map(endOrphan))
      orphans.push(...servers)
      rmSync(other, { force: true })
    }
    return {
      path,
      orphans,
      record(pid, stopSignal) {
        owner.servers.push({ pid, identity: identify(pid), stopSignal })
        write()
      },
      announce(addresses) {
        owner.addresses = addresses
        write()
      },
      release
    }
  } catch (error) {
    release()
    throw error
  }
}

const ownerFiles = (path: string) => readdirSync(path).filter((name) => /^owner-.*\.json$/.test(name))

const isAlive = ({ pid, identity }: Pick<Owner, 'pid' | 'identity'>) =>
  identity !== undefined && identity === identify(pid)

/** A file that went in this moment, or was cut short by a full disk, tells of nobody. */
function readOwner(file: string): Owner {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner
  } catch {
    return { pid: 0, identity: undefined, servers: [] }
  }
}
