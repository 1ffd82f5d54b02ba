/**
 * Of the pages that Latchkey serves: their own scripts and styles, and nothing inline, so that not even a script that
 * somebody got into one would run (OWASP ASVS 5.0 V3.4.3).
 * @param more directives, for what one of them needs besides
 */
export const pagePolicy = (...more: string[]) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    ...more,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'"
  ].join('; ')
