import { asSallyportError, type ErrorCode, type JsonObject, SallyportError } from '../../model/index.ts'
import type { HeldUse } from '../../policy/index.ts'
import { queryOverrides, withoutOverride } from '../override.ts'
import { type Doing, holdOrObserve } from './observe.ts'
import type { Differing } from './refuse.ts'

/** A request as somebody writes it down, to ask what would become of it. */
export interface WrittenRequest {
  /** Begins with `/`, without the base path of the downstream. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
  readonly body?: string
  /** The media type of the body. */
  readonly type?: string
}

/** What refuses a request, or would if its server were not observed. */
export interface Refusal {
  readonly code: ErrorCode
  readonly rule: string
  readonly differing: Differing
}

/** The request as it would leave, or what refuses it. */
export type Tried = { readonly sent: WrittenRequest; readonly observed?: Refusal } | Refusal

/** What would become of a request within a call with these parameters: by the very function that holds requests. Pure. */
export function tryHold(written: WrittenRequest, use: HeldUse, call: JsonObject, doing: Doing): Tried {
  const { path, query, body, type } = written
  let differing: Differing | undefined
  const refusal = (code: ErrorCode, rule: string): Refusal => ({
    code,
    rule,
    differing: differing ?? { part: wholly(code, rule, use) },
  })
  try {
    const { held, observed } = holdOrObserve(
      {
        path,
        query,
        head: type === undefined ? [] : ['content-type', type],
        body:
          body === undefined || body === '' ? { kind: 'none' } : { kind: 'whole', bytes: Buffer.from(body) },
      },
      { ...use, tell: (told) => (differing = told) },
      call,
      doing,
    )
    if (queryOverrides(held.query)) throw new SallyportError('method_override_refused')
    const own = withoutOverride(held.head, held.body)
    const text = own.kind === 'whole' ? { body: own.bytes.toString('utf8') } : {}
    const { path: its, query: asked } = held
    const sent = { path: its, query: asked, ...text }
    return observed === undefined ? { sent } : { sent, observed: refusal(observed.reason, observed.rule) }
  } catch (error) {
    const { code, facts } = asSallyportError(error)
    if (code === 'internal') throw error
    const rule = facts.rule ?? use.place
    return refusal(code, rule)
  }
}

/** What is refused as a whole: a path in another spelling, a body that cannot be read or may not be there. */
function wholly(code: ErrorCode, rule: string, { place }: HeldUse): string {
  if (code === 'method_override_refused') return 'query or body'
  return code === 'call_parameter_mismatch' && rule === place ? 'path' : 'body'
}
