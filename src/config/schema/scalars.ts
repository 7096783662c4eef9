import { z } from 'zod'
import { methodName, ruledMethods } from '../../model/index.ts'
import { isBlock, parsePlace, parseRate, parseUrl } from '../texts.ts'

/** A text with a check of its own: what is wrong, or undefined. The remedy goes beside it. */
export function checked(check: (text: string) => string | undefined, remedy: string) {
  return z.string().superRefine((text, context) => {
    const problem = check(text)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, params: { remedy } })
  })
}

/** A text of one form, which the JSON Schema shows as a pattern. */
function formed(pattern: RegExp, problem: string, remedy: string) {
  return checked((text) => (pattern.test(text) ? undefined : problem), remedy).meta({
    pattern: pattern.source,
  })
}

export const secretReference = formed(
  /^(file:.+|\$\{[A-Za-z_][A-Za-z0-9_]*\})$/,
  'a secret does not stand in the configuration',
  'put it in a file and write file:/path/to/it, or write ${NAME} for an environment variable',
)

export const fileReference = formed(/^file:.+$/, 'this is read from a file only', 'write file:/path/to/it')

export const slug = formed(
  /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/,
  'this is no name of small letters, digits and dashes',
  'use 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends',
)

/** The name of a server or downstream: it stands in URLs, records and rules. */
export const thingName = formed(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  'this is no name of small letters, digits, - and _',
  'use 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit',
)

export const toolName = formed(
  new RegExp(`^(?:[A-Za-z0-9_./-]{1,128}|\\*|${ruledMethods.map(methodName).join('|')})$`),
  'this is no name of a tool',
  'use 1 to 128 letters, digits, _, -, . and /, as MCP does, or * for all that have no entry, or method:resources/read and its like',
)

/** As the gateway tells the digest of a tool's definition. */
export const digest = formed(
  /^sha256:[0-9a-f]{64}$/,
  'this is no digest of a definition',
  'write sha256: and 64 hex digits, as `sallyport tools list` prints them',
)

export const url = checked(parseUrl, 'write http(s)://host[:port][/path] without user, query or fragment')

/** `host:port`, what `CONNECT` names. */
export const tunnelPlace = checked(
  parsePlace,
  'write host:port in small letters, such as registry.example.com:443, without a scheme or pattern',
)

/** An OAuth resource identifier, audience or other name: printable ASCII without blanks. */
export const identifier = formed(
  /^[\x21-\x7e]{1,255}$/,
  'this holds a blank or a character beyond ASCII, or is empty',
  'write 1 to 255 printable ASCII characters without blanks',
)

/** Text that people read. */
export const label = formed(
  /^[^\p{Cc}]{1,500}$/u,
  'this text is empty, too long or holds controls',
  'write 1 to 500 characters on one line',
)

export const duration = z.union([
  z.int().min(0).max(400_000_000),
  formed(/^\d{1,9}(s|m|h|d)$/, 'this is no span of time', 'write seconds as a number, or 30s, 5m, 12h, 400d'),
])

export const rate = checked((text) => {
  const parsed = parseRate(text)
  return typeof parsed === 'string' ? parsed : undefined
}, 'write how many calls in which window, such as 60/1m, 5/1s or 1000/1h').meta({
  pattern: '^\\d+/\\d+[smh]$',
})

export const addressBlock = checked(
  (text) => (isBlock(text) ? undefined : 'this is no IP address or CIDR block'),
  'write an address or block such as 10.0.0.0/8 or fd00::/8',
)

export const riskClass = z.enum(['read', 'read-sensitive', 'write', 'critical', 'never'])

/** OAuth scopes: one text with blanks between them, or a list (RFC 6749 §3.3). */
export const scope = z.union([
  formed(
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'this is no list of scopes',
    'write scopes with one blank between them, or a list',
  ),
  z.array(
    formed(
      /^[\x21\x23-\x5b\x5d-\x7e]+$/,
      'this is no scope',
      'write one scope per entry, without blanks or quotes',
    ),
  ),
])

export const insecure = z.boolean().optional().meta({
  description: 'Allow plain http beyond loopback here. Everything sent there can be read on the way.',
  default: false,
})

export const oauthClient = z.strictObject({
  id: identifier.describe('The client id.'),
  secret: secretReference.optional().describe('The client secret: `file:` or `${ENV}`.'),
  key: secretReference
    .optional()
    .describe('A private key in PEM for `private_key_jwt` (RFC 7523 §2.2), instead of a secret.'),
})

export const listenAddress = z.union([
  z.string(),
  z.strictObject({
    address: z.string().describe('`host:port`, `[v6]:port` or `unix:/path`.'),
    insecure: insecure.describe('Listen beyond loopback without TLS. Only behind something that ends TLS.'),
  }),
])
