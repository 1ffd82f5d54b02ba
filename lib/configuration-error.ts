/** Refused before anything starts: the message names every bad value and the reason. */
export class ConfigurationError extends Error {
  readonly problems: string[]

  constructor(problems: string[], summary = 'The configuration is not valid') {
    super(`${summary}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}
