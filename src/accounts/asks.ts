import {
  type Clock,
  isJsonObject,
  type JsonObject,
  parseStrictJson,
  type Principal,
  type Session,
} from '../model/index.ts'
import type { Seal } from '../storage/index.ts'

/** Who was asked to connect what, for which client at which server. */
export interface Ask {
  readonly principal: Principal
  readonly client: string
  readonly registration: string
  readonly server: string
  readonly downstream: string
}

/**
 * The links that tool calls show. They come back from anywhere, so what they say is sealed; and they permit nothing:
 * whoever opens one has to show that he is the person who was asked.
 */
export interface Asks {
  /** The path of the page, for the person of this session. */
  pathFor(session: Session, downstream: string): string
  /** Undefined for what is not ours, or too old. */
  read(sealed: string): Ask | undefined
}

/** How long a link leads anywhere, in seconds. */
const life = 600

export function createAsks(deps: { readonly seal: Seal; readonly clock: Pick<Clock, 'now'> }): Asks {
  const { seal, clock } = deps
  return {
    pathFor({ principal, client, registration, server }, downstream) {
      const { kind, tenant, issuer, subject } = principal
      const until = Math.floor(clock.now()) + life
      const who = [kind, tenant, issuer, subject, client, registration ?? client, server, downstream]
      const ask = seal.close(JSON.stringify({ v: 1, who, until }))
      return `/connect/${encodeURIComponent(downstream)}?ask=${ask}`
    },
    read(sealed) {
      const text = seal.open(sealed)
      const value = text === undefined ? undefined : parseStrictJson(text)
      if (!isJsonObject(value)) return undefined
      const { until } = value
      return typeof until === 'number' && until > clock.now() ? askIn(value) : undefined
    },
  }
}

function askIn({ who }: JsonObject): Ask | undefined {
  if (!Array.isArray(who) || who.length !== 8 || !who.every((part) => typeof part === 'string'))
    return undefined
  const [kind = '', tenant = '', issuer = '', subject = '', ...rest] = who
  const [client = '', registration = '', server = '', downstream = ''] = rest
  if (kind !== 'user') return undefined
  return { principal: { kind, tenant, issuer, subject }, client, registration, server, downstream }
}
