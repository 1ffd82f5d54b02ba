import { createRequire } from 'node:module'

/**
 * The entry file of an optional dependency, resolved by name at run time: neither the compiler nor the
 * process may need a package that `--omit=optional` leaves out.
 * @param instead the environment variable that makes the package unnecessary
 */
export function resolveOptional(name: string, instead: string, from = import.meta.url): string {
  try {
    return createRequire(from).resolve(name)
  } catch (cause) {
    throw new Error(
      `The optional package ${name} is not installed: set ${instead} to use a server of your own, ` +
        'or install the dependencies again without --omit=optional',
      { cause }
    )
  }
}
