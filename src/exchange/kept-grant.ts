import { type Grant, SallyportError, type StoredGrant } from '../model/index.ts'
import type { ExchangeDeps } from './deps.ts'
import { exchangeOnce, type Made, subjectOf, type Wanted } from './exchanged.ts'
import { exchangeAndKeep, type KeepDeps, madeOf, storeIsDown } from './keep-grant.ts'
import { exchangePlace, registrationKey } from './place.ts'
import { entraRefresh } from './flavours/entra.ts'
import { refreshToken } from './flavours/refresh-token.ts'
import { isCode } from './is-code.ts'
import { narrowed } from './narrow.ts'
import type { LiveGrant, RefreshTask } from './refresh-claim.ts'
import type { Refresher } from './refresh.ts'

export interface KeptGrantDeps extends KeepDeps, Pick<ExchangeDeps, 'audit'> {
  readonly refresher: Refresher
}

/** A stored access token must be good for this many seconds still to be used, or a tenth of its life where that is less. */
const margin = 30

function taskOf({ need, source, flight }: Wanted, { requestToken }: KeptGrantDeps): RefreshTask {
  const { downstream, access } = need
  const common = { source, downstream, principal: access.session.principal }
  return {
    place: exchangePlace(need, source),
    at: source,
    flight,
    ask: (rt, scopes, latest) =>
      source.flavour === 'entra-obo'
        ? requestToken(entraRefresh, { ...common, refreshToken: rt, scopes }, source, latest)
        : requestToken(refreshToken, { ...common, refreshToken: rt, scopes }, source, latest),
    narrow: (answer) => narrowed(common, answer, requestToken),
  }
}

/** Can what is stored be used as it is? Not what a downstream has refused. */
export function isFresh(
  { at, exp, obtained }: Grant,
  refused: string | undefined,
  { clock, audit }: Pick<ExchangeDeps, 'clock' | 'audit'>,
): boolean {
  if (at === undefined) return false
  if (exp !== undefined) {
    const life = obtained === undefined ? Number.POSITIVE_INFINITY : exp - obtained
    if (exp <= clock.now() + Math.min(margin, life / 10)) return false
  }
  return refused === undefined || audit.fingerprint(at) !== refused
}

/** May this session use this grant with this registration? A token of another registration is never refreshed. */
function isOurs({ grant }: LiveGrant, { need, source, flight }: Wanted, deps: KeptGrantDeps): boolean {
  const downstream = need.downstream.name
  if (grant.sid !== need.access.session.sid || grant.registration !== registrationKey(source)) {
    deps.log.warn('a stored grant belongs to another session or registration', { downstream })
    return false
  }
  // Cut, but not destroyed yet: the revocation still has to read its refresh token, so it is left alone.
  if (deps.gate.check(flight.owner, grant.rev) !== undefined) throw new SallyportError('secrets_conflict')
  return true
}

/** What the stored grant gives; undefined where it gives nothing, and a new exchange can be made. @throws reauth_required where none can */
async function useStored(
  wanted: Wanted,
  stored: LiveGrant,
  task: RefreshTask,
  deps: KeptGrantDeps,
): Promise<Made | undefined> {
  if (!isOurs(stored, wanted, deps)) return undefined
  if (isFresh(stored.grant, wanted.refused, deps))
    return { ...madeOf(stored.grant, task.place, deps), how: 'stored' }
  try {
    const grant = await deps.refresher.refresh(task, stored)
    return { ...madeOf(grant, task.place, deps), how: 'refresh' }
  } catch (error) {
    if (!isCode(error, 'reauth_required')) throw error
    await subjectOf(wanted, deps.subjects).catch(() => {
      throw error
    })
    return undefined
  }
}

/** What an earlier refresh could not write comes first: the stored refresh token is used up. */
async function settled(wanted: Wanted, task: RefreshTask, deps: KeptGrantDeps): Promise<Made | undefined> {
  const grant = await deps.refresher.settle(task)
  wanted.flight.still()
  if (grant === undefined || !isFresh(grant, wanted.refused, deps)) return undefined
  return { ...madeOf(grant, task.place, deps), how: 'refresh' }
}

async function fromStore(wanted: Wanted, task: RefreshTask, deps: KeptGrantDeps): Promise<Made> {
  const present = await settled(wanted, task, deps)
  if (present !== undefined) return present
  let stored: StoredGrant | undefined = await deps.secrets.read(task.place)
  wanted.flight.still()
  if (stored?.tomb !== undefined && stored.tomb.rev > wanted.flight.rev) throw new SallyportError('cut')
  if (stored?.grant !== undefined) {
    const used = await useStored(wanted, stored, task, deps)
    if (used !== undefined) return used
    stored = await deps.secrets.read(task.place)
  }
  return exchangeAndKeep({ ...wanted, place: task.place, stored }, deps)
}

/**
 * Exchanged grants with a refresh token, kept as stored connections (`exchange.refresh: true`): used as they are,
 * refreshed, or obtained anew, in that order. They outlive the subject token and this process. While the store is
 * down no refresh begins, but exchanges go on (design §6).
 */
export async function obtainKept(wanted: Wanted, deps: KeptGrantDeps): Promise<Made> {
  try {
    return await fromStore(wanted, taskOf(wanted, deps), deps)
  } catch (error) {
    if (!storeIsDown(error)) throw error
    return exchangeOnce(wanted, deps).catch((failure: unknown) => {
      throw isCode(failure, 'subject_expired') ? error : failure
    })
  }
}
