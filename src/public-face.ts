/**
 * What people in browsers and MCP clients that sign in are answered, on a listener of its own and on the gateway's.
 * The rooms have the routes; here is only which paths are theirs, and which pages of others may ask.
 */
import type { FastifyInstance } from 'fastify'
import { accountsPaths } from './accounts/index.ts'
import { anyOriginMayAsk, signInPaths } from './signin/index.ts'
import type { Instance } from './wire.ts'

/** First segments of paths that are not the gateway's own. */
const own = new RegExp(`^/(?:${[...signInPaths, ...accountsPaths].join('|')})(?:[/?]|$)`)
const resourceMetadata = '/.well-known/oauth-protected-resource'

export function isPublicPath(url: string): boolean {
  return own.test(url) && !url.startsWith(resourceMetadata)
}

export async function mountPublic(app: FastifyInstance, { signIn, accounts }: Instance): Promise<void> {
  if (signIn !== undefined) await signIn.mount(app)
  await accounts.mount(app, peopleOf(signIn))
}

function peopleOf(signIn: Instance['signIn']) {
  if (signIn === undefined) return undefined
  const { visitors, forms, askToSignIn } = signIn
  return { visitor: visitors.of, binding: visitors.binding, forms, askToSignIn }
}

/** Our own pages may ask for anything, and those of others for what holds no cookie. */
export function servesOrigin({ config }: Pick<Instance, 'config'>) {
  const { origin: home } = new URL(config.url)
  return (origin: string, { url, host }: { readonly url: string; readonly host: string }): boolean =>
    anyOriginMayAsk(url) || origin === home || /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1] === host
}
