import { SallyportError, type Server } from '../model/index.ts'

/**
 * A user's token is for a server if its audience names it in one of the configured ways, and names nobody else whom
 * the server does not list: whoever is named besides could replay the token here.
 * @throws token_audience_refused, token_audience_extra
 */
export function checkAudience(audience: readonly string[], server: Server): void {
  if (!audience.some((name) => server.audiences.includes(name))) throw missing(audience, server)
  checkExtra(audience, server.audiences, server)
}

/** A workload's token is for us if it names the audience of its rule; the server's own may stand beside it. */
export function checkWorkloadAudience(audience: readonly string[], required: string, server: Server): void {
  if (!audience.includes(required)) {
    const hint = `A token of this issuer needs the audience ${required}.`
    throw new SallyportError('token_audience_refused', { server: server.name, hint, remedy: hint })
  }
  checkExtra(audience, [required, ...server.audiences], server)
}

function missing(audience: readonly string[], server: Server): SallyportError {
  const wanted = server.audiences.join(' or ')
  const hint = `It needs ${wanted}: in Keycloak an Audience mapper that includes it, on a client scope of the MCP client.`
  const has = audience.length === 0 ? 'no aud' : `an aud of ${audience.length}${keycloakNote(audience)}`
  const remedy = `the token has ${has}. ${hint} Or list what the provider gives under servers.${server.name}.audiences`
  return new SallyportError('token_audience_refused', { server: server.name, hint, remedy })
}

function checkExtra(audience: readonly string[], own: readonly string[], server: Server): void {
  const extra = audience.filter((name) => !own.includes(name) && !server.extraAudiences.includes(name))
  if (extra.length === 0) return
  const hint = `List it under servers.${server.name}.extra_audiences, or take the mapper away that adds it.`
  const remedy = `the token names ${extra.length} more${keycloakNote(extra)}. ${hint}`
  throw new SallyportError('token_audience_extra', { server: server.name, hint, remedy })
}

/** A token's own words are not repeated; this one name is known beforehand and met most often. */
function keycloakNote(audience: readonly string[]): string {
  return audience.includes('account')
    ? ', among them account, which Keycloak adds for its default roles while the client has full scope allowed'
    : ''
}
