import { generateKeyPairSync, sign } from 'node:crypto'
import type { JWK } from 'jose'
import { type Clock, epoch, SallyportError, type Seconds, seconds } from '../model/index.ts'
import type { LoginIssuer } from './identity.ts'

/** The people of the dev form, and their groups. */
const people = {
  alice: ['crm-users', 'developers'],
  bob: ['crm-users'],
  admin: ['admins'],
} as const satisfies Record<string, readonly string[]>

type DevUser = keyof typeof people

const devUsers = Object.keys(people) as readonly DevUser[]

interface DevIssue {
  readonly audience: string
  /** At most an hour. */
  readonly ttl: Seconds
  readonly client?: string
}

/**
 * The built-in sign-in of the dev form, in place of an identity provider. Its tokens go the way of any other
 * subject token; only the keys are at hand instead of being discovered. The key is gone when the process ends.
 */
export interface DevIssuer {
  /** Put this among the logins, and nowhere but in the dev form. */
  readonly login: LoginIssuer
  /** Whom one may be here. */
  readonly people: readonly { readonly name: string; readonly groups: readonly string[] }[]
  /** A signed-in user's access token. @throws request_malformed for an unknown user */
  issue(user: string, options: DevIssue): string
}

export interface DevDeps {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

const maxLife = 3_600

export function openDevIssuer(url: string, { clock, random }: DevDeps): DevIssuer {
  const issuer = `${url}/dev`
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const name = (): string => Buffer.from(random(16)).toString('base64url')
  const kid = name()
  const jwk: JWK = { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, alg: 'EdDSA', use: 'sig' }
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    login: {
      issuer,
      groupsClaim: 'groups',
      algorithms: ['EdDSA'],
      types: [],
      skew: seconds(0),
      keys: () => ({ keys: [jwk] }),
    },
    people: devUsers.map((user) => ({ name: user, groups: people[user] })),
    issue(user, { audience, ttl, client = 'dev' }) {
      if (!isDevUser(user))
        throw new SallyportError('request_malformed', { remedy: `users: ${devUsers.join(', ')}` })
      const now = clock.now()
      const claims = {
        iss: issuer,
        sub: user,
        aud: audience,
        client_id: client,
        iat: now,
        auth_time: now,
        exp: epoch(now + Math.min(ttl, maxLife)),
        jti: name(),
        sid: name(),
        scope: 'openid',
        groups: people[user],
      }
      const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid })}.${encode(claims)}`
      return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
    },
  }
}

function isDevUser(user: string): user is DevUser {
  return Object.hasOwn(people, user)
}
