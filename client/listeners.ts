import type { AuthChange, AuthListener } from './auth-state.ts'

/** Who is told of changes. */
export function createListeners() {
  const listeners = new Set<AuthListener>()
  return {
    listeners,

    subscribe(this: void, listener: AuthListener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },

    /** Calls each by itself, so that what one throws is reported and stops nobody else. */
    emit(this: void, change: AuthChange) {
      for (const listener of listeners) {
        queueMicrotask(() => {
          if (listeners.has(listener)) listener(change)
        })
      }
    }
  }
}
