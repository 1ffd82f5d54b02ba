import fp from 'fastify-plugin'
import Mustache from 'mustache'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigurationError } from '../lib/configuration-error.ts'
import type { Mail } from '../lib/mail.ts'

declare module 'fastify' {
  interface FastifyInstance {
    mailTemplates: MailTemplates
  }
}

export interface MailTemplates {
  /**
   * The parts of a mail. In the HTML part, what is filled in is escaped.
   * @param name of a template, as in mail/
   */
  render(name: string, values: Record<string, string>): Omit<Mail, 'to'>
}

const ours = fileURLToPath(new URL('../mail', import.meta.url))

/** The first line of a text, and of nothing else. */
const subjectLine = /^Subject: (.+)\n\n/

/**
 * Decorates `fastify.mailTemplates`: each is a text, which begins with its subject, and an HTML part, which
 * layout.html is around. Files of the same name in the folder `MAIL_TEMPLATES` take the place of ours.
 */
export default fp(
  async (fastify) => {
    const { MAIL_TEMPLATES, PUBLIC_URL } = fastify.configuration
    const templates = read(ours)
    if (MAIL_TEMPLATES !== undefined) {
      for (const [name, template] of readOverrides(MAIL_TEMPLATES, [...templates.keys()]))
        templates.set(name, template)
    }
    const templateOf = (file: string) => {
      const template = templates.get(file)
      if (template === undefined) throw new Error(`there is no template ${file}`)
      return template
    }

    fastify.decorate('mailTemplates', {
      render(name, values) {
        const view = { ...values, app: new URL(PUBLIC_URL).host }
        const plain = { escape: String }
        const [subject = '', ...text] = Mustache.render(templateOf(`${name}.txt`), view, {}, plain).split(
          '\n'
        )
        const content = Mustache.render(templateOf(`${name}.html`), view)
        return {
          subject: subject.replace('Subject: ', ''),
          text: text.join('\n').trimStart(),
          html: Mustache.render(templateOf('layout.html'), { ...view, content })
        }
      }
    })
  },
  { name: 'mail-templates', dependencies: ['configuration'] }
)

function read(folder: string): Map<string, string> {
  const files = readdirSync(folder).filter((file) => /\.(txt|html)$/.test(file))
  return new Map(
    files.map((file) => [file, readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n')] as const)
  )
}

/** @throws ConfigurationError naming each file that is none of `known`, or that can't be rendered */
function readOverrides(folder: string, known: string[]): Map<string, string> {
  let overrides: Map<string, string>
  try {
    overrides = read(folder)
  } catch {
    throw new ConfigurationError([`MAIL_TEMPLATES: the folder ${folder} can not be read`])
  }
  const problems = [...overrides].flatMap(([file, template]) => {
    const path = `MAIL_TEMPLATES: ${join(folder, file)}`
    if (!known.includes(file)) return `${path} is no template of ours, which are: ${known.join(', ')}`
    if (file.endsWith('.txt') && !subjectLine.test(template))
      return `${path} must begin with a line "Subject: …" and an empty one`
    try {
      Mustache.parse(template)
      return []
    } catch (error) {
      return `${path}: ${error instanceof Error ? error.message : String(error)}`
    }
  })
  if (problems.length > 0) throw new ConfigurationError(problems)
  return overrides
}
