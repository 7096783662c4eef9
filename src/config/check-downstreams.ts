import type { Path } from './document.ts'
import type {
  Expanded,
  ExpandedClient,
  ExpandedDownstream,
  ExpandedExchange,
  ExpandedStatic,
  ExpandedTarget,
} from './expanded.ts'
import type { Report } from './report.ts'

const kinds = ['exchange', 'client-credentials', 'provider', 'oauth', 'github-app', 'static'] as const

/** Headers that are not for credentials: they route, frame or describe the message. */
const noCredential =
  /^(host|connection|content-.*|transfer-encoding|te|trailer|upgrade|keep-alive|expect|forwarded|x-forwarded-.*|proxy-.*|cookie2?|range|accept.*|date|via|traceparent|tracestate)$/i

/** Each downstream has one way to a credential, and all that this way needs; no two things share an identifier. */
export function checkDownstreams(config: Expanded, report: Report): void {
  for (const [name, downstream] of Object.entries(config.downstreams)) {
    const path = ['downstreams', name]
    checkKind(downstream, path, report)
    for (const kind of ['exchange', 'client-credentials'] as const) {
      const target = downstream[kind]
      if (target !== undefined) checkTarget(target, [...path, kind], report)
    }
    checkExchange(downstream, [...path, 'exchange'], report)
    checkLinked(downstream, path, report)
    if (downstream.static !== undefined) checkStatic(downstream.static, [...path, 'static'], report)
  }
  checkResources(config, report)
}

function checkKind(downstream: ExpandedDownstream, path: Path, report: Report): void {
  const given = kinds.filter((kind) => downstream[kind] !== undefined)
  const remedy = `give one of ${kinds.join(', ')}`
  if (given.length === 0) report.fault(path, 'nothing says how its credential is obtained', remedy)
  for (const kind of given.slice(1))
    report.fault([...path, kind], `${given[0] ?? ''} stands beside it`, remedy)
}

/** What a flavour needs besides, and what makes no sense with it. */
function checkExchange({ exchange }: ExpandedDownstream, path: Path, report: Report): void {
  if (exchange === undefined) return
  const { flavour, at, refresh, scope } = exchange
  if (flavour === 'id-jag' && at === undefined)
    report.fault(path, 'nothing says who takes the ID-JAG', 'give at: { issuer, client }')
  if (flavour !== 'id-jag' && at !== undefined)
    report.fault([...path, 'at'], 'this is for flavour: id-jag', 'leave it out, or set flavour: id-jag')
  if (at !== undefined) checkClient(at.client, [...path, 'at', 'client'], report)
  if (flavour === 'entra-obo' && scope.length === 0)
    report.fault(
      [...path, 'scope'],
      'Entra exchanges for scopes, and there are none',
      'give scope, such as [https://graph.microsoft.com/.default]',
    )
  if ((flavour === 'id-jag' || flavour === 'jwt-bearer') && refresh)
    report.fault(
      [...path, 'refresh'],
      'this flavour has no refresh tokens: each token is asked for anew',
      'leave refresh out',
    )
}

/** Where there is a provider its client stands beside it, and without one nothing of it does. */
function checkLinked(downstream: ExpandedDownstream, path: Path, report: Report): void {
  const { provider, client, issuer, scope, url, oauth } = downstream
  if (path.at(-1) === 'callback' && (oauth !== undefined || provider !== undefined))
    report.fault(path, 'its page would stand where providers send people back to', 'give it another name')
  if (url === '') report.fault(path, 'nothing says where it is', 'give url')
  if (oauth?.client !== undefined) checkClient(oauth.client, [...path, 'oauth', 'client'], report)
  if (oauth?.client !== undefined && oauth.issuer === undefined)
    report.fault(
      [...path, 'oauth', 'client'],
      'nothing says which server it is registered at, and any other would be shown its secret',
      'give issuer',
    )
  if (provider === undefined) {
    for (const [key, value] of Object.entries({ client, issuer, scope }))
      if (value !== undefined)
        report.fault([...path, key], 'this stands beside provider only', 'give provider, or leave it out')
    return
  }
  if (issuer === undefined)
    report.fault(
      path,
      'nothing says whose accounts there are taken',
      'give issuer: https://login.microsoftonline.com/<tenant id>/v2.0',
    )
  if (client === undefined)
    report.fault(path, 'there is no client for this provider', 'give client: { id, secret: file:… }')
  else checkClient(client, [...path, 'client'], report)
}

function checkTarget(target: ExpandedTarget | ExpandedExchange, path: Path, report: Report): void {
  const scoped = 'flavour' in target && target.flavour === 'entra-obo'
  if (target.audience === undefined && target.resource === undefined && !scoped) {
    report.fault(
      path,
      'nothing says for whom the token is',
      'give audience (at Keycloak a client id) or resource',
    )
  }
  if (target.issuer === undefined) {
    report.fault(path, 'there is no issuer, and no login to take it from', 'give issuer, or login.issuer')
  } else if (target.client === undefined) {
    report.fault(
      path,
      'there is no client for this issuer',
      'give client: { id, secret: file:… } here, or login.client for the login’s issuer',
    )
  } else if (target.client.secret === undefined && target.client.key === undefined) {
    report.fault(
      [...path, 'client'],
      'the client has neither secret nor key',
      'give secret: file:… or key: file:…',
    )
  } else {
    checkClient(target.client, [...path, 'client'], report)
  }
}

/** @param path of the client */
export function checkClient(client: ExpandedClient, path: Path, report: Report): void {
  if (client.secret !== undefined && client.key !== undefined) {
    report.fault([...path, 'key'], 'secret stands beside it', 'give secret or key, not both')
  }
}

function checkStatic(fixed: ExpandedStatic, path: Path, report: Report): void {
  const { header, prefix, per, value, owner } = fixed
  if (header !== undefined && (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(header) || noCredential.test(header))) {
    report.fault(
      [...path, 'header'],
      'this is no header that may carry a credential',
      'name a header such as X-Api-Key, or leave it out for Authorization',
    )
  }
  if (prefix !== undefined && header === undefined) {
    report.fault(
      [...path, 'prefix'],
      'a prefix needs a header',
      'give header, or leave prefix out for Authorization: Bearer',
    )
  }
  if (prefix !== undefined && !/^[\x20-\x7e]+$/.test(prefix)) {
    report.fault([...path, 'prefix'], 'this cannot stand in a header', 'use printable ASCII')
  }
  if (per === 'user') {
    for (const key of ['value', 'owner'] as const) {
      if (fixed[key] !== undefined)
        report.fault(
          [...path, key],
          'each person has his own value',
          'remove it; people put theirs in with sallyport connect',
        )
    }
    return
  }
  if (value === undefined)
    report.fault(path, 'there is no value for everybody', 'give value: file:…, or per: user')
  if (owner === undefined)
    report.fault(path, 'nobody answers for the shared value', 'give owner: the team that does')
}

function checkResources(config: Expanded, report: Report): void {
  const taken = new Map<string, string>()
  const take = (path: Path, resource: string, name: string) => {
    const other = taken.get(resource)
    if (other !== undefined)
      report.fault(
        path,
        `${other} has the same resource`,
        'give each its own resource: tokens are told apart by it',
      )
    taken.set(resource, name)
  }
  for (const [name, { resource }] of Object.entries(config.servers))
    take(['servers', name, 'resource'], resource, `the server ${name}`)
  for (const [name, { resource }] of Object.entries(config.downstreams)) {
    take(['downstreams', name, 'resource'], resource, `the downstream ${name}`)
  }
}
