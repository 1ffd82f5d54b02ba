import { Registry, collectDefaultMetrics } from 'prom-client'
import { tellPrimary, type FromPrimary } from './messages.ts'

/** The metrics of a worker. Read as a text they are those of all workers, whichever of them is asked. */
export class WorkerRegistry extends Registry {
  readonly #scrapes = new Map<number, (text: string) => void>()
  #lastScrape = 0

  constructor() {
    super()
    collectDefaultMetrics({ register: this })
  }

  override async metrics(): Promise<string> {
    const id = ++this.#lastScrape
    return new Promise((resolve) => {
      this.#scrapes.set(id, resolve)
      void tellPrimary({ type: 'scrape', id })
    })
  }

  /** Tells the primary of this worker's own. */
  async report(): Promise<void> {
    await tellPrimary({ type: 'report', report: await this.getMetricsAsJSON() })
  }

  /** What the primary has answered. */
  answer({ id, text }: Extract<FromPrimary, { type: 'scraped' }>): void {
    this.#scrapes.get(id)?.(text)
    this.#scrapes.delete(id)
  }
}
