/** As much HTML as a sign-in without a script needs: forms and their fields, and what the page says. */

export interface Field {
  readonly kind: string
  readonly name: string
  readonly value: string
  readonly checked: boolean
}

export interface Button {
  readonly name: string
  readonly value: string
  readonly label: string
}

export interface Link {
  readonly to: URL
  readonly label: string
  readonly classes: readonly string[]
}

export interface Form {
  readonly method: 'GET' | 'POST'
  readonly action: URL
  readonly fields: readonly Field[]
  readonly buttons: readonly Button[]
}

const tag =
  /<(\/?)([a-z][a-z0-9-]*)((?:\s+[^\s"'>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*)\s*\/?>/gi
const attribute = /([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g
const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/gi, (whole, decimal, hex, name: string) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    return named[name] ?? whole
  })
}

function attributes(text: string): ReadonlyMap<string, string> {
  const found = [...text.matchAll(attribute)].map(([, name = '', double, single, bare]) => {
    return [name.toLowerCase(), decoded(double ?? single ?? bare ?? '')] as const
  })
  // Of two with one name, HTML takes the first.
  return new Map(found.toReversed())
}

/** Without what no reader sees. */
const visible = (html: string): string =>
  html.replaceAll(/<!doctype[^>]*>|<!--[\s\S]*?-->|<(script|style|template|svg)\b[\s\S]*?<\/\1\s*>/gi, '')

/** The text of a page, its tags taken out. */
export function saidBy(html: string): string {
  const body = visible(html).replace(/<head\b[\s\S]*?<\/head\s*>/i, '')
  return decoded(body.replaceAll(tag, ' ')).replaceAll(/\s+/g, ' ').trim()
}

/** Every link of a page that leads on, in order. */
export function linksOf(html: string, page: URL): readonly Link[] {
  const text = visible(html)
  return [...text.matchAll(tag)].flatMap(({ 1: closing, 2: name = '', 3: rest = '', index, 0: whole }) => {
    const has = attributes(rest)
    const href = has.get('href')
    if (closing !== '' || name.toLowerCase() !== 'a' || href === undefined) return []
    const label = saidBy(text.slice(index + whole.length, text.indexOf('</a', index)))
    return [{ to: new URL(href, page), label, classes: (has.get('class') ?? '').split(/\s+/) }]
  })
}

/** Every form of a page. Throws on one that a browser would mend by guessing. */
export function formsOf(html: string, page: URL): readonly Form[] {
  const text = visible(html)
  const forms: {
    -readonly [Key in keyof Form]: Form[Key] extends readonly (infer Each)[] ? Each[] : Form[Key]
  }[] = []
  let open: (typeof forms)[number] | undefined
  for (const { 1: closing, 2: name = '', 3: rest = '', index, 0: whole } of text.matchAll(tag)) {
    const element = `${closing}${name.toLowerCase()}`
    const has = attributes(rest)
    if (has.has('form') || has.has('formaction'))
      throw new Error(`${page.href}: a field that is of another form`)
    if (element === 'form') {
      if (open !== undefined) throw new Error(`${page.href}: a form inside a form`)
      open = { ...headOf(has, page), fields: [], buttons: [] }
      forms.push(open)
    } else if (element === '/form') open = undefined
    else if (element === 'input') addInput(open, has)
    else if (element === 'button') {
      const label = saidBy(text.slice(index + whole.length, text.indexOf('</button', index)))
      if ((has.get('type') ?? 'submit') === 'submit') open?.buttons.push({ ...nameOf(has), label })
    } else if (element === 'select' || element === 'textarea')
      throw new Error(`${page.href}: nobody reads <${element}> here yet`)
  }
  if (open !== undefined) throw new Error(`${page.href}: a form without an end`)
  return forms
}

const nameOf = (has: ReadonlyMap<string, string>) => ({
  name: has.get('name') ?? '',
  value: has.get('value') ?? '',
})

function headOf(has: ReadonlyMap<string, string>, page: URL): Pick<Form, 'method' | 'action'> {
  const method = (has.get('method') ?? 'get').toUpperCase()
  if (method !== 'GET' && method !== 'POST') throw new Error(`${page.href}: a form with the method ${method}`)
  const encoding = has.get('enctype') ?? 'application/x-www-form-urlencoded'
  if (encoding !== 'application/x-www-form-urlencoded') throw new Error(`${page.href}: a form as ${encoding}`)
  return { method, action: new URL(has.get('action') ?? '', page) }
}

function addInput(
  form: { fields: Field[]; buttons: Button[] } | undefined,
  has: ReadonlyMap<string, string>,
): void {
  const kind = (has.get('type') ?? 'text').toLowerCase()
  const named = nameOf(has)
  if (kind === 'submit') form?.buttons.push({ ...named, label: named.value })
  else if (kind !== 'button' && kind !== 'image' && kind !== 'reset')
    form?.fields.push({ kind, ...named, checked: has.has('checked') })
}
