import { checkAudience } from '../../../src/identity/audience.ts'
import {
  claimAt,
  isName,
  isScopeToken,
  readAudience,
  readClient,
  readGroups,
  readName,
  readScopes,
  readTimes,
} from '../../../src/identity/claims.ts'
import { parseCompact } from '../../../src/identity/compact.ts'
import { actClaim, readActor, readMayAct } from '../../../src/identity/delegation.ts'
import {
  acceptedTypes,
  checkType,
  refuseOtherKinds,
  requireAccessMark,
} from '../../../src/identity/token-type.ts'
import { actorDepth, epoch, maxActorDepth, SallyportError, seconds } from '../../../src/model/index.ts'
import { aServer } from '../../identity/opened.ts'
import { hold, type Parser } from '../parser.ts'

const now = epoch(1_800_000_000)
const server = aServer()
const types = acceptedTypes(['JWT', 'none'], 'test')
const fresh = JSON.stringify(Object.getOwnPropertyNames(Object.prototype))

/** The claims of a token, as JSON text: what every reader of a claim makes of any value. */
export const claims: Parser = {
  name: 'claims',
  words: [
    ...[
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      '\\u0000',
      '\\ud800',
      'null',
      'true',
      '1e400',
      '-1',
      '-0',
      '1e12',
    ],
    ...[
      '1800000300',
      '1799999999',
      '0.5',
      '"1800000300"',
      '""',
      '"a b"',
      '{}',
      '[]',
      '[[]]',
      '{"sub":"a"}',
      '" "',
    ],
    ...[
      '"iss":',
      '"sub":',
      '"aud":',
      '"exp":',
      '"iat":',
      '"nbf":',
      '"auth_time":',
      '"scope":',
      '"scp":',
      '"typ":',
    ],
    ...[
      '"act":',
      '"may_act":',
      '"client_id":',
      '"azp":',
      '"cid":',
      '"groups":',
      '"realm_access":',
      '"roles":',
    ],
    ...[
      '"__proto__":',
      '"constructor":',
      '"nonce":',
      '"at_hash":',
      '"events":',
      '"_claim_names":',
      '"hasgroups":',
    ],
    ...[
      '"https://crm.example"',
      '"https://crm.example.evil"',
      '\u00e9',
      '\u0000',
      '"Bearer"',
      '"access"',
      '"ID"',
    ],
  ],
  judge(input) {
    let payload
    try {
      const part = Buffer.from(input, 'utf8').toString('base64url')
      payload = parseCompact(`e30.${part === '' ? 'AA' : part}.AA`).payload
    } catch (error) {
      if (error instanceof SallyportError) return error.code
      throw error
    }
    const read = Object.entries(readings(payload)).map(([name, reading]) => `${name}=${attempt(reading)}`)
    hold(JSON.stringify(Object.getOwnPropertyNames(Object.prototype)) === fresh, 'no prototype is touched')
    return read.join(' ')
  },
}

/** What was read in a word, or the code of the refusal. Anything else that is thrown breaks the rule. */
function attempt(reading: () => unknown): string {
  try {
    const value = reading()
    return value === undefined ? '-' : `:${JSON.stringify(value)}`
  } catch (error) {
    if (error instanceof SallyportError) return error.code
    throw error
  }
}

type Payload = Readonly<Record<string, unknown>>

function readings(payload: Payload): Record<string, () => unknown> {
  return {
    type: () => checkType(payload, types),
    kind: () => {
      refuseOtherKinds(payload)
      requireAccessMark(payload)
    },
    times: () => {
      const { issuedAt, expiresAt, authTime } = readTimes(payload, now, seconds(30))
      const all = [issuedAt, expiresAt, authTime ?? 0]
      hold(
        all.every((it) => typeof it === 'number' && Number.isFinite(it) && it >= 0),
        'times are numbers',
        all,
      )
      hold(expiresAt > now - 30 && expiresAt < now + 401 * 86_400, 'it has not ended, and will', expiresAt)
      hold(issuedAt <= now + 30 && issuedAt < expiresAt, 'it began before it ends', issuedAt)
      const given = [payload['exp'], payload['iat']].map((it) => Math.floor(it as number))
      hold(given[0] === expiresAt && given[1] === issuedAt, 'they are the claims', all)
      return issuedAt < now ? 'old' : 'new'
    },
    sub: () => nameOf(readName(payload, 'sub'), payload['sub']),
    client: () => {
      const client = readClient(payload)
      if (client === undefined) return undefined
      const given = ['client_id', 'azp', 'cid', 'appid'].flatMap((name) =>
        payload[name] === undefined ? [] : [payload[name]],
      )
      hold(
        given.every((it) => it === client),
        'all that name a client name the same',
        given,
      )
      return nameOf(client, client)
    },
    aud: () => {
      const audience = readAudience(payload)
      hold(
        audience.every((it) => typeof it === 'string' && it !== ''),
        'audiences are texts',
        audience,
      )
      const listed = Array.isArray(payload['aud']) ? payload['aud'] : [payload['aud']]
      hold(
        audience.every((it) => listed.includes(it)),
        'each is one that was there',
        audience,
      )
      checkAudience(audience, server)
      hold(
        audience.every((it) => it === 'https://crm.example'),
        'ours is the only one',
        audience,
      )
      return audience.length
    },
    scopes: () => {
      const scopes = readScopes(payload)
      hold(
        scopes.every((it) => isScopeToken(it) && !/[\s"\\]/.test(it)),
        'scopes are words',
        scopes,
      )
      hold(new Set(scopes).size === scopes.length, 'each stands once', scopes)
      return scopes.length
    },
    groups: () => {
      const { groups, groupsComplete } = readGroups(payload, 'groups')
      hold(
        groups.every((it) => typeof it === 'string' && it !== ''),
        'groups are texts',
        groups,
      )
      const whole = payload['groups']
      const all = typeof whole === 'string' ? [whole] : whole
      hold(
        !groupsComplete || JSON.stringify(all) === JSON.stringify(groups),
        'a whole list is the list',
        all,
        groups,
      )
      return groupsComplete
    },
    roles: () => {
      const found = claimAt(payload, 'realm_access.roles')
      const { groups, groupsComplete } = readGroups(payload, 'realm_access.roles')
      hold(
        found !== undefined || (groups.length === 0 && !groupsComplete),
        'what is absent is not whole',
        groups,
      )
      return groups.length
    },
    proto: () => {
      hold(claimAt({}, 'constructor.prototype') === undefined, 'no claim is inherited')
      return claimAt(payload, '__proto__.toString') === undefined ? undefined : 'own'
    },
    act: () => {
      const actor = readActor(payload['act'])
      if (actor === undefined) return undefined
      hold(actorDepth(actor) <= maxActorDepth, 'no chain is too deep', actorDepth(actor))
      const again = readActor(JSON.parse(JSON.stringify(actClaim(actor))))
      hold(JSON.stringify(again) === JSON.stringify(actor), 'the chain is kept whole', actor, again)
      return actorDepth(actor)
    },
    mayAct: () => {
      const mayAct = readMayAct(payload['may_act'])
      if (mayAct === undefined) return undefined
      const names = Object.keys(payload['may_act'] as object)
      hold(Object.keys(mayAct).length === names.length && names.length > 0, 'no member is lost', names)
      hold(Object.values(mayAct).every(isName), 'each is a name', mayAct)
      return names.length
    },
  }
}

function nameOf(read: string | undefined, given: unknown): string | undefined {
  hold(read === given, 'a name is what was given', read)
  hold(
    read === undefined || (/^[\x20-\x7e]{1,255}$/.test(read) && read.trim() === read),
    'it is printable',
    read,
  )
  return read === undefined ? undefined : 'name'
}
