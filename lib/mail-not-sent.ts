/** Holds nothing of the mail and nothing that the SMTP server said, as that often names the address. */
export class MailNotSent extends Error {
  /** Whether it would be refused again: there is no such mailbox. */
  readonly final: boolean

  constructor(code: string, responseCode: number | undefined, final: boolean) {
    super(`the SMTP server did not take a mail: ${code}${responseCode ? ` ${String(responseCode)}` : ''}`)
    this.name = 'MailNotSent'
    this.final = final
  }
}
