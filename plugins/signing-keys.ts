import fp from 'fastify-plugin'
import type { KeyObject } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { isThumbprint, publicPem, readPrivateKey } from '../lib/signing-key.ts'
import type { JsonWebKeySet } from '../schemas/well-known.ts'
import type { SigningKeyRecord } from './signing-key-records.ts'

declare module 'fastify' {
  interface FastifyInstance {
    signingKeys: SigningKeys
  }
}

export interface SigningKeys {
  /** Signs new access tokens. Another object from the moment that another key signs. */
  readonly current: { kid: string; privateKey: KeyObject }
  /** RFC 7517 §5, as published: the keys that sign, that will, and that did until lately. */
  readonly jwks: JsonWebKeySet
  /** Whether tokens of this key are accepted, as far as this node knows. Asks no store. */
  accepts(kid: string): boolean
  /**
   * The public key of tokens with this `kid`, PEM, SPKI. Of a key that this node does not know it asks
   * Postgres, at most five times a second however many ask.
   * @throws StoreUnavailable where Postgres can't say
   */
  publicKey(kid: unknown): Promise<string | undefined>
  /** Reads the keys from Postgres, and publishes the next one when its time has come. */
  reload(): Promise<void>
}

/** ms between two readings of Postgres: the longest that a revoked key is accepted on any node. */
const interval = 2000

/** ms between two readings for the sake of keys that this node does not know. */
const unknownKeyInterval = 200

/**
 * Decorates `fastify.signingKeys`: the ES256 keys of access tokens, in the memory of every node. The first
 * instance to start makes the first key; afterwards one of them, any, publishes each next one.
 */
export default fp(
  async (fastify) => {
    const { signingKeyRecords: records } = fastify

    interface Key extends Pick<SigningKeyRecord, 'kid' | 'public_jwk'> {
      /** ms, by our clock */
      activatesAt: number
      publicKey: string
      /** Missing where this node's SECRET_KEY does not read it. */
      signing: { kid: string; privateKey: KeyObject } | undefined
    }

    const read = async (record: SigningKeyRecord, known: Key | undefined, ahead: number): Promise<Key> => {
      const { kid, public_jwk, state } = record
      const activatesAt = record.activates_at + ahead
      if (known?.signing || (known && state === 'retired')) return { ...known, activatesAt }
      const signing =
        state === 'retired'
          ? undefined
          : await records
              .readPrivateJwk(record)
              .then((jwk) => ({ kid, privateKey: readPrivateKey(jwk) }))
              .catch((error: unknown) => {
                if (!known) fastify.log.error({ err: error, kid }, 'a signing key can not be read')
                return undefined
              })
      return { kid, public_jwk, activatesAt, publicKey: publicPem(public_jwk), signing }
    }

    /** By `kid`, the newest first. */
    let keys = new Map<string, Key>()
    let jwks: JsonWebKeySet = { keys: [] }
    let current: Key['signing']
    // By time and not by what Postgres says: nodes that can't reach it change the key with all others.
    const choose = () => {
      const now = Date.now()
      current = [...keys.values()].find(({ activatesAt, signing }) => signing && activatesAt <= now)?.signing
    }

    const load = async () => {
      const { keys: live, now } = await records.live()
      const ahead = Date.now() - now
      const loaded = await Promise.all(live.map((record) => read(record, keys.get(record.kid), ahead)))
      keys = new Map(loaded.map((key) => [key.kid, key]))
      jwks = { keys: loaded.map(({ public_jwk }) => public_jwk) }
      choose()
      return { live, now }
    }
    const reload = async () => {
      const { live, now } = await load()
      if (current && !records.isDue(live, now)) return
      await records.rotate(true)
      await load()
    }

    // Never one that has begun already: it may have looked before the key was there.
    let upcoming: Promise<unknown> | undefined
    let startedAt = -Infinity
    const reloadForUnknown = () =>
      (upcoming ??= setTimeout(startedAt + unknownKeyInterval - performance.now(), undefined, {
        ref: false
      }).then(() => {
        upcoming = undefined
        startedAt = performance.now()
        return load()
      }))

    await records.prepare()
    await load()

    let failing = false
    let reloading: Promise<void> | undefined
    const timer = setInterval(() => {
      choose()
      reloading ??= reload()
        .then(() => {
          failing = false
        })
        .catch((error: unknown) => {
          if (!failing) fastify.log.warn({ err: error }, 'signing keys can not be read from Postgres')
          failing = true
        })
        .finally(() => (reloading = undefined))
    }, interval)
    timer.unref()
    fastify.addHook('onClose', async () => {
      clearInterval(timer)
      await reloading
    })

    fastify.decorate('signingKeys', {
      get current() {
        if (!current) throw new Error('no signing key can be read with this SECRET_KEY')
        return current
      },
      get jwks() {
        return jwks
      },
      accepts: (kid) => keys.has(kid),
      async publicKey(kid) {
        if (!isThumbprint(kid)) return undefined
        if (!keys.has(kid)) await reloadForUnknown()
        return keys.get(kid)?.publicKey
      },
      reload
    })
  },
  { name: 'signing-keys', dependencies: ['signing-key-records'] }
)
