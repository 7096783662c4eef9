import { z } from 'zod'
import { checked, duration, identifier, secretReference, thingName, url } from './scalars.ts'

/** OAuth grant types that a client may be given. */
const grantTypes = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
] as const

/** An absolute URI without a fragment (RFC 6749 §3.1.2): https, loopback, or a scheme of the client's own. */
const redirect = checked(
  (text) => (isRedirect(text) ? undefined : 'this is no redirect URI of an app'),
  'write https://app.example.com/callback, http://127.0.0.1/callback, or a URI of the app’s own scheme; without a fragment',
)

/** What a browser would run, show or read itself is no app. */
const noApp = /^(?:about|blob|data|file|filesystem|javascript|vbscript|view-source):/i

function isRedirect(text: string): boolean {
  const url = /^[\x21-\x7e]{1,500}$/.test(text) && !/[#\\<>"]/.test(text) ? URL.parse(text) : null
  if (url === null || url.username !== '' || url.password !== '' || noApp.test(text)) return false
  if (url.protocol === 'https:') return text.startsWith('https://')
  return url.protocol !== 'http:' || /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?=[:/?]|$)/.test(text)
}

const keys = checked(
  (text) => (/^(https:\/\/|file:)./.test(text) ? undefined : 'this is no place of a JWK set'),
  'write file:/path/to/jwks.json or an https:// URL',
)

export const client = z.strictObject({
  id: identifier
    .optional()
    .describe(
      'The `client_id` of a client that is registered here. Without it, this names a client that registers itself.',
    ),
  cimd: url.optional().describe('The URL of its client ID metadata document, which is its `client_id`.'),
  redirects: z
    .array(redirect)
    .min(1)
    .optional()
    .describe(
      'Its redirect URIs. One that only this client can receive also tells by which name a client that registers itself is known.',
    ),
  secret: secretReference.optional().describe('Its secret: `file:` or `${ENV}`.'),
  jwks: keys
    .optional()
    .describe('Its public keys for `private_key_jwt`, as JWK set: `file:` or an https URL.'),
  grants: z
    .array(z.enum(grantTypes))
    .min(1)
    .optional()
    .meta({
      description: 'Grant types that it may use.',
      default: ['authorization_code', 'refresh_token'],
    }),
  servers: z
    .array(thingName)
    .min(1)
    .optional()
    .describe('The servers that it may be used with. Default: all.'),
})

export const signIn = z.strictObject({
  registration: z.enum(['off', 'known', 'open']).optional().meta({
    description:
      'Who may register at `/oauth2/register`: nobody, clients whose every redirect URI is a known one, or any.',
    default: 'known',
  }),
  catalog: z.boolean().optional().meta({
    description: 'Know the usual MCP clients by name, as docs/sign-in.md lists them.',
    default: true,
  }),
  access: duration.optional().meta({ description: 'Life of an access token; 60s to 24h.', default: '1h' }),
  idle: duration
    .optional()
    .meta({ description: 'A sign-in that is not used ends after this.', default: '12h' }),
  absolute: duration
    .optional()
    .meta({ description: 'A sign-in ends after this, however much it is used.', default: '7d' }),
  leeway: duration.optional().meta({
    description: 'How long the refresh token before the last one gets the same answer again; 0s to 120s.',
    default: '30s',
  }),
})
