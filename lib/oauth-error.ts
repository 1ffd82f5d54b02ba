import type { Problem } from './problem.ts'

/** RFC 6749 §5.2, and for faults of ours §4.1.2.1. */
export type OauthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'server_error'
  | 'temporarily_unavailable'

function errorCode({ code, action, statusCode }: Problem): OauthErrorCode {
  if (code === 'invalid_client' || code === 'invalid_scope' || code === 'unsupported_grant_type') return code
  if (action === 'reauthenticate' || code === 'wrong_transport') return 'invalid_grant'
  if (statusCode === 500) return 'server_error'
  // Trouble of ours must never pass for the end of a session.
  return action === 'retry' ? 'temporarily_unavailable' : 'invalid_request'
}

/** A problem in the form of RFC 6749 §5.2; `error_uri` says which of ours it is. */
export function oauthError(problem: Problem, publicUrl: string) {
  const error = errorCode(problem)
  const plain = error === 'invalid_grant' || problem.code === 'unsupported_media_type'
  return {
    // §5.2: 400, unless it says otherwise.
    status: plain ? 400 : problem.statusCode,
    document: {
      error,
      // §5.2: ASCII without the quotation mark and the backslash.
      error_description: problem.message.replaceAll('"', "'").replaceAll(/[^\x20-\x7e]|\\/g, '?'),
      error_uri: `${publicUrl}/docs#${problem.code}`
    }
  }
}
