import type { Form } from '../../identity/index.ts'
import { SallyportError, type Server } from '../../model/index.ts'

/** Whose request it is and where its answer goes: read first, because nothing is answered there before it is trusted. */
export interface Addressed {
  readonly clientId: string
  readonly redirect: string
}

/** What is asked for. */
export interface Asked {
  /** `code_challenge` by S256. */
  readonly challenge: string
  readonly server: Server
  readonly scopes: readonly string[]
  readonly prompt: ReadonlySet<string>
}

const malformed = (hint: string): SallyportError => new SallyportError('request_malformed', { hint })

/** @throws request_malformed */
export function readAddressed(form: Form): Addressed {
  const [clientId, redirect] = [form.one('client_id'), form.one('redirect_uri')]
  if (clientId === undefined) throw malformed('client_id is required.')
  if (redirect === undefined) throw malformed('redirect_uri is required.')
  return { clientId, redirect }
}

/**
 * RFC 6749 §4.1.1 with PKCE and a resource. What is not known is ignored (§3.1).
 * @throws request_object_refused, request_uri_refused, response_type_unsupported, request_malformed, pkce_refused,
 * resource_refused, scope_refused
 */
export function readAsked(form: Form, servers: readonly Server[]): Asked {
  if (form.one('request') !== undefined) throw new SallyportError('request_object_refused')
  if (form.one('request_uri') !== undefined) throw new SallyportError('request_uri_refused')
  const type = form.one('response_type')
  if (type === undefined) throw malformed('response_type is required.')
  if (type !== 'code') throw new SallyportError('response_type_unsupported')
  if ((form.one('response_mode') ?? 'query') !== 'query') throw malformed('response_mode is not served.')
  return {
    challenge: readChallenge(form),
    server: readResource(form, servers),
    scopes: readScope(form),
    prompt: readPrompt(form),
  }
}

/** 43 to 128 characters (RFC 7636 §4.2); a method that is left out means `plain` (§4.3), which is none. @throws pkce_refused */
function readChallenge(form: Form): string {
  const challenge = form.one('code_challenge')
  const good = challenge !== undefined && /^[A-Za-z0-9._~-]{43,128}$/.test(challenge)
  if (!good || form.one('code_challenge_method') !== 'S256') throw new SallyportError('pkce_refused')
  return challenge
}

/**
 * Exactly one of ours. A client that names none, as those of the first versions of MCP, means the only one there is.
 * @throws resource_refused
 */
function readResource(form: Form, servers: readonly Server[]): Server {
  const [named, ...more] = form.all('resource')
  const [only, ...others] = servers
  const server =
    named === undefined && others.length === 0
      ? only
      : servers.find(({ resource }) => named !== undefined && sameResource(resource, named))
  if (server === undefined || more.length > 0) throw new SallyportError('resource_refused')
  return server
}

/** Byte for byte, but for the slash that a URL parser puts behind a bare origin. */
const sameResource = (own: string, named: string): boolean => own === named || `${own}/` === named

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/

/** What is done is for the rules to say: a scope that is not known is left out, and the answer says so (RFC 6749 §3.3). @throws scope_refused */
function readScope(form: Form): readonly string[] {
  const asked = form.one('scope')?.split(' ') ?? []
  if (!asked.every((scope) => scopeToken.test(scope))) throw new SallyportError('scope_refused')
  return asked.includes('offline_access') ? ['mcp', 'offline_access'] : ['mcp']
}

function readPrompt(form: Form): ReadonlySet<string> {
  const prompt = new Set(form.one('prompt')?.split(' '))
  if (prompt.has('none') && prompt.size > 1) throw malformed('prompt=none stands alone.')
  return prompt
}

/** The same request once the person has signed in anew, so that they are not asked to again. */
export function afterLogin(query: string): string {
  return query
    .split('&')
    .filter((pair) => !pair.startsWith('prompt='))
    .join('&')
}
