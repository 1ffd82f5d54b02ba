import Mustache from 'mustache'
import type { Mail } from './mail.ts'

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <meta name="color-scheme" content="light dark" />
    <title>Outbox</title>
    <link rel="stylesheet" href="../auth/confirm/styles.css" />
  </head>
  <body>
    <main>
      <h1>Outbox</h1>
      <p class="hint">Mails that were not sent, as SMTP_URL is not set. The newest first.</p>
      {{#mails}}
      <article class="card">
        <h2>{{subject}}</h2>
        <p class="hint">to {{to}}, <time>{{sent_at}}</time></p>
        <p class="text">{{#lines}}{{#link}}<a href="{{link}}">{{link}}</a>{{/link}}{{text}}
{{/lines}}</p>
      </article>
      {{/mails}}
      {{^mails}}<p>Nothing yet.</p>{{/mails}}
    </main>
  </body>
</html>
`

/** The development outbox for people: the plain-text parts, with their links to be followed. */
export function outboxPage(mails: readonly (Mail & { sent_at: string })[]): string {
  return Mustache.render(page, {
    mails: mails.map(({ text, ...mail }) => ({
      ...mail,
      lines: text.split('\n').map((line) => (/^https?:\/\/\S+$/.test(line) ? { link: line } : { text: line }))
    }))
  })
}
