import type { EpochSeconds, Seconds } from '../model/index.ts'
import { html, type Html } from './html.ts'

/** An MCP client as people see it. */
export interface ClientView {
  /** The name that configuration, the catalogue or its metadata's host vouches for. Without it nobody does. */
  readonly verified?: string
  /** What it says of itself: anything at all. */
  readonly says?: string
  /** The redirect URI that the answer goes to. */
  readonly returnsTo?: string
}

export interface ServerView {
  readonly name: string
  readonly resource: string
}

/** Something that is asked for: its name on the wire, and what that means where a catalogue says it. */
export interface ScopeView {
  readonly name: string
  readonly sentence?: string
}

/** What a form of the caller's needs: where it goes, and the fields that people do not see. */
export interface FormView {
  /** A path of our own. */
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
}

/** Foreign text on one line: no control or invisible sign, no longer than a name is. */
export function foreign(text: string): Html {
  const clean = text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  const signs = Array.from(clean)
  return html`<bdi>${signs.length > 60 ? `${signs.slice(0, 59).join('')}…` : clean}</bdi>`
}

/** The client in a sentence. */
export function clientName({ verified, says }: ClientView): Html {
  if (verified !== undefined) return html`<b>${foreign(verified)}</b>`
  return says === undefined ? html`an app without a name` : html`an app that says it is “${foreign(says)}”`
}

/** The client in a heading or a title: a name only where somebody vouches for it. */
export function shortName({ verified }: ClientView): string {
  return verified ?? 'an unverified app'
}

/** The client among the facts, with what it says of itself beside what is known. */
export function clientFact(client: ClientView): Html {
  const { verified, says } = client
  if (verified === undefined) return html`Says it is “${foreign(says ?? '')}” – nobody has verified this`
  const also = says !== undefined && says !== verified
  return html`<b>${foreign(verified)}</b>${also && html`, which calls itself “${foreign(says)}”`}`
}

/** Where an answer goes, in words; the part that tells one app from another is bold. */
export function destination(uri: string): Html {
  const { protocol, hostname, host } = new URL(uri)
  if (protocol !== 'http:' && protocol !== 'https:')
    return html`the app on this device that opens <b>${protocol}</b> links`
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
  return loopback ? html`a program on this computer, at <b>${host}</b>` : html`<b>${host}</b>`
}

export function fact(name: string, value: Html | string): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`
}

export function serverFact({ name, resource }: ServerView): Html {
  return html`<b>${name}</b> <span class="soft small">${resource}</span>`
}

/** Each scope by its sentence, with the name beside it for those who know it. */
export function scopeList(scopes: readonly ScopeView[]): Html {
  const item = ({ name, sentence }: ScopeView) =>
    sentence === undefined
      ? html`<li><code>${name}</code></li>`
      : html`<li>${sentence} <code class="soft">${name}</code></li>`
  return html`<ul>${scopes.map(item)}</ul>`
}

export function hiddenFields({ hidden }: FormView): Html {
  const fields = Object.entries(hidden).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">\n`,
  )
  return html`${fields}`
}

const units = [
  { name: 'day', length: 86_400 },
  { name: 'hour', length: 3600 },
  { name: 'minute', length: 60 },
] as const

/** A span in its largest whole unit: `7 days`, `90 minutes`. */
export function span(length: Seconds): string {
  const { name, length: one } = units.find((unit) => length % unit.length === 0) ?? {
    name: 'second',
    length: 1,
  }
  const count = length / one
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })
const minute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })

export function onDay(at: EpochSeconds): Html {
  const date = new Date(at * 1000)
  return html`<time datetime="${date.toISOString()}">${day.format(date)}</time>`
}

/** To the minute, in UTC: a page without script does not know the reader's zone. */
export function atMinute(at: EpochSeconds): Html {
  const date = new Date(at * 1000)
  return html`<time datetime="${date.toISOString()}">${minute.format(date)} UTC</time>`
}
