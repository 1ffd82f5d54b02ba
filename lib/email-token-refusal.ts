import { Problem } from './problem.ts'

/** The same for whatever is wrong with it. */
export const emailTokenInvalid = () =>
  new Problem(
    'email_token_invalid',
    'The link was used, has expired, or a newer one was sent. Ask for another one.'
  )
