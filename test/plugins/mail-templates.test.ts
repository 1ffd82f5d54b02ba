import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { build, makeStores } from '../helper.ts'
import { root } from '../server/process.ts'

const names = readdirSync(join(root, 'mail'))
  .filter((file) => file.endsWith('.txt'))
  .map((file) => file.replace('.txt', ''))

const values = {
  email: 'ada@example.com',
  link: 'https://id.example.com/auth/confirm#purpose=x&token=y',
  life: '30 minutes',
  time: '2026-01-31 12:00 UTC',
  device: '<b>Firefox</b> & more',
  network: '203.0.113.0/24',
  new_email: 'new@example.com'
}

t.test('each has both parts, which say the same; what is filled in is no markup', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://id.example.com' })
  t.ok(names.length >= 10)
  for (const name of names) {
    const { subject, text, html } = app.scope.mailTemplates.render(name, values)
    t.match(subject, /^[A-Z][^{}\n]{5,60}$/, name)
    for (const part of [text, html]) {
      t.notMatch(part, /[{}]|undefined/, name)
      t.match(part, 'id.example.com', name)
    }
    t.notMatch(html, /<(img|script|link|style)|url\(|<b>/, `${name}: nothing from elsewhere`)
    t.match(html, /^<!doctype html>\n<html lang="en">/)
    const { device, link, ...plain } = values
    for (const value of Object.values(plain))
      t.equal(html.replaceAll('&#x2F;', '/').includes(value), text.includes(value), `${name}: ${value}`)
    t.equal(html.includes('<a href='), text.includes(link), name)
    t.equal(html.includes('&lt;b&gt;Firefox&lt;&#x2F;b&gt; &amp; more'), text.includes(device), name)
  }
})

t.test('files of the folder MAIL_TEMPLATES take the place of ours', async (t) => {
  const stores = await makeStores(t)
  const folder = t.testdir({
    'password-reset.txt': 'Subject: Neues Passwort\r\n\r\nHier: {{link}}\r\n',
    'layout.html': '<main>{{{content}}}</main>',
    'notes.md': 'no template'
  })
  const app = await build(t, { MAIL_TEMPLATES: folder }, stores)
  const { subject, text, html } = app.scope.mailTemplates.render('password-reset', values)
  t.equal(subject, 'Neues Passwort')
  t.equal(text, `Hier: ${values.link}\n`)
  t.match(html, /^<main><p>/)

  const wrong = t.testdir({
    'pasword-reset.txt': 'Subject: x\n\nx',
    'signup.txt': 'no subject',
    'signup.html': '{{#open}}'
  })
  await t.rejects(build(t, { MAIL_TEMPLATES: wrong }, stores), {
    message:
      /pasword-reset\.txt is no template of ours, which are: .*signup\.html: Unclosed section "open".*signup\.txt must begin with a line "Subject: …"/s
  })
  await t.rejects(build(t, { MAIL_TEMPLATES: '/nowhere' }, stores), { message: /\/nowhere can not be read/ })
})
