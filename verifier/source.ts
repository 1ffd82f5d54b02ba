/** How it stands with something that is fetched again and again from the auth server. */
export interface SourceStatus {
  /** When it last was as new as it should be, or null where it never was. */
  readonly updated_at: Date | null
  /** What went wrong since, or null. */
  readonly error: string | null
}

export interface Source {
  readonly status: SourceStatus
  succeeded(): void
  failed(error: unknown): void
}

/** @param onChange called as it starts to fail, and as it goes on */
export function createSource(onChange: () => void): Source {
  let status: SourceStatus = { updated_at: null, error: null }
  return {
    get status() {
      return status
    },
    succeeded() {
      const changed = status.error !== null || status.updated_at === null
      status = { updated_at: new Date(), error: null }
      if (changed) onChange()
    },
    failed(error) {
      const changed = status.error === null
      status = { ...status, error: describe(error) }
      if (changed) onChange()
    }
  }
}

/** The message, and that of its cause: `fetch` says only there what went wrong. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
