import Bowser from 'bowser'

const browsers = new Set<string>(Object.values(Bowser.BROWSER_MAP))
const systems = new Set<string>(Object.values(Bowser.OS_MAP))

/**
 * What a User-Agent claims to be, for people: `Firefox on Linux`. Only names that are known beforehand, as the header
 * may say anything, and this stands in mails.
 */
export function deviceName(userAgent: string | null): string {
  const { browser, os } = userAgent ? Bowser.parse(userAgent) : { browser: {}, os: {} }
  const name = browsers.has(browser.name ?? '') ? browser.name : 'an unknown program'
  return systems.has(os.name ?? '') ? `${String(name)} on ${String(os.name)}` : String(name)
}
