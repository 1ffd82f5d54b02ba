import type { Configuration } from '../app.ts'
import type { Listening } from './http-server.ts'

/** What people are told once the server is ready. In production the log says it all. */
export function showBanner(
  { NODE_ENV, PUBLIC_URL, SMTP_URL, WORKERS }: Configuration,
  { port, argon2, hasDemo }: Listening,
  stores: string[]
): void {
  if (NODE_ENV === 'production') return
  const url = PUBLIC_URL.replace(/:0$/, `:${String(port)}`)
  const lines = [
    '',
    `Latchkey is ready:  ${url}   (API at ${url}/docs, Ctrl-C to stop)`,
    ...stores.map((line) => `  ${line}`),
    `  argon2: ${argon2}`,
    ...(NODE_ENV === 'development' && SMTP_URL === undefined ? [`  mails are at ${url}/dev/outbox`] : []),
    ...(WORKERS > 1 ? [`  ${String(WORKERS)} workers`] : []),
    hasDemo ? 'Open that URL to watch sessions in the browser, or try it here:' : 'Try it:',
    `  curl -c cookies.txt -H 'content-type: application/json' -d '{"email":"ada@example.com","password":"correct horse battery"}' ${url}/auth/signup`,
    `  curl -c cookies.txt -b cookies.txt -X POST ${url}/auth/refresh`,
    ''
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
