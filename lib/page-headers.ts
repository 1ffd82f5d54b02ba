/** No window that opened a page keeps a hold on it (OWASP ASVS 5.0 V3.4.8). For answers that a browser shows. */
export const openerPolicy = { 'cross-origin-opener-policy': 'same-origin' }

/**
 * The headers of the pages that Latchkey serves, besides those of every answer. The policy: their own scripts and
 * styles, and nothing inline, so that not even a script that somebody got into one would run (OWASP ASVS 5.0 V3.4.3).
 * The names of their files stay the same when their content changes, so a browser has to ask, and 304 is short.
 * @param more directives, for what one of them needs besides
 */
export const pageHeaders = (...more: string[]) => ({
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    ...more,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'"
  ].join('; '),
  ...openerPolicy,
  'cache-control': 'no-cache'
})
