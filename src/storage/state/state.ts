import type {
  Connection,
  Consent,
  EpochSeconds,
  LogBody,
  LogEntry,
  LogHead,
  Scope,
  Seq,
  Session,
  SignIn,
  Tombstone,
  ToolPin,
} from '../../model/index.ts'

/**
 * The ordered log (revocation protocol, line 1). `append` returns only after the entry is synced to disk;
 * the same `id` again returns the entry that exists, whatever else is given.
 */
export interface LogStore {
  head(): Promise<LogHead>
  append(entry: { id: string; at: EpochSeconds; by: string; body: LogBody }): Promise<LogEntry>
  after(seq: Seq, limit: number): Promise<readonly LogEntry[]>
  byId(id: string): Promise<LogEntry | undefined>
  /** One more durable write, after a commit whose outcome was unknown (line 9 i). */
  quorumWrite(): Promise<void>
  durability(): Promise<'disk' | 'quorum' | 'local'>
  /** Go on under a new epoch, after a restore from a backup (line 14). */
  openEpoch(epoch: string): Promise<void>
}

/** Sign-ins, named by `sid`; kept until `expiresAt` so that they can be listed and cut. */
export interface Sessions {
  put(session: Session, expiresAt: EpochSeconds): Promise<void>
  get(tenant: string, sid: string): Promise<Session | undefined>
  list(tenant: string, scope: Scope | undefined, now: EpochSeconds): Promise<readonly Session[]>
  /** Counts and forgets what the scope reaches and was made before the log position `seq`. */
  end(scope: Scope, seq: Seq): Promise<number>
  prune(now: EpochSeconds): Promise<number>
}

/** Which connections exist, without secrets: how a revocation finds them (line 10). The store is never listed. */
export interface ConnectionIndex {
  put(connection: Connection): Promise<void>
  get(tenant: string, id: string): Promise<Connection | undefined>
  /** Connections, active or pending, that the scope reaches and that were made before the log position `seq`. */
  reached(scope: Scope, seq: Seq): Promise<readonly Connection[]>
  list(tenant: string, scope: Scope | undefined): Promise<readonly Connection[]>
  pending(tenant: string): Promise<readonly Connection[]>
  /** A pending one is active from here on; any other stays what it is. */
  activate(tenant: string, id: string): Promise<void>
  /** An active one is from here on known to want these scopes; any other stays what it is. */
  want(tenant: string, id: string, scopes: readonly string[]): Promise<void>
  markDestroyed(tenant: string, id: string, tomb: Tombstone['tomb']): Promise<void>
}

/** Signed receipts by revocation id; every revision is kept. */
export interface Receipts {
  save(id: string, revision: number, jws: string): Promise<void>
  latest(id: string): Promise<{ revision: number; jws: string } | undefined>
  /** Ids of cuts in the log whose follow-up (line 10) has not been finished; read after a start. */
  unfinished(): Promise<readonly string[]>
  finish(id: string): Promise<void>
}

/** A refresh token that waits, sealed in the secret store, for its provider's revocation. */
export interface OutboxJob {
  readonly job: string
  readonly revocation: string
  readonly connection: string
  readonly place: Connection['place']
  readonly attempts: number
  readonly nextAt: EpochSeconds
  readonly until: EpochSeconds
}

export interface Outbox {
  put(job: OutboxJob): Promise<void>
  due(now: EpochSeconds): Promise<readonly OutboxJob[]>
  /** How many jobs there are, due or not. */
  count(): Promise<number>
  done(job: string): Promise<void>
}

/** Heads of record chains kept beside them, so that a truncated or missing chain shows (design §8). */
export interface Anchors {
  put(anchor: {
    chain: string
    n: number
    hash: string
    at: EpochSeconds
    key: string
    closed: boolean
  }): Promise<void>
  list(): Promise<
    readonly { chain: string; n: number; hash: string; at: EpochSeconds; key: string; closed: boolean }[]
  >
}

/** The definitions of tools: what each is held to, and what was seen last (design §5). */
export interface Pins {
  /** All of them, durable, or none; one that exists is replaced. */
  put(pins: readonly ToolPin[]): Promise<void>
  /** By server and tool. */
  list(tenant: string): Promise<readonly ToolPin[]>
}

/** Something that is good once: a login under way, an authorization code, an assertion that was shown. */
export interface Ticket {
  /** What it is for; a ticket of one kind is none of another. */
  readonly kind: string
  /** A hash of what its holder shows, never that itself. */
  readonly id: string
  readonly expiresAt: EpochSeconds
  /** JSON without anything secret in clear. */
  readonly value: string
}

export interface Tickets {
  /** False where the kind has a ticket of this id that has not expired; nothing is changed then. */
  put(ticket: Ticket, now: EpochSeconds): Promise<boolean>
  /** Gives it to the first who asks, and to nobody after. Undefined for an expired one too. */
  take(kind: string, id: string, now: EpochSeconds): Promise<Ticket | undefined>
  prune(now: EpochSeconds): Promise<number>
}

/** Grants of MCP clients: what their refresh tokens stand on. */
export interface SignIns {
  put(signIn: SignIn): Promise<void>
  get(tenant: string, id: string): Promise<SignIn | undefined>
  /** Compare-and-swap: replaces the row whose generation is `gen`; false where it is another's by now, or gone. */
  replace(gen: number, next: SignIn): Promise<boolean>
  /** Those that have not ended, by when the login issuer was asked last. */
  list(tenant: string, scope: Scope | undefined, now: EpochSeconds): Promise<readonly SignIn[]>
  /** Counts and forgets what the scope reaches and was made before the log position `seq`. */
  end(scope: Scope, seq: Seq): Promise<number>
  prune(now: EpochSeconds): Promise<number>
}

export interface Consents {
  put(consent: Consent): Promise<void>
  get(tenant: string, id: string): Promise<Consent | undefined>
  list(tenant: string, scope: Scope | undefined): Promise<readonly Consent[]>
  /** Counts and forgets what the scope reaches and was made before the log position `seq`. */
  end(scope: Scope, seq: Seq): Promise<number>
}

/** Small persistent facts: the epoch, sealed keys. */
export interface Meta {
  get(name: string): Promise<string | undefined>
  set(name: string, value: string): Promise<void>
}

/** Everything that a process keeps besides secrets; one set of small interfaces, one per noun. */
export interface State {
  readonly log: LogStore
  readonly sessions: Sessions
  readonly connections: ConnectionIndex
  readonly receipts: Receipts
  readonly outbox: Outbox
  readonly anchors: Anchors
  readonly pins: Pins
  readonly tickets: Tickets
  readonly signIns: SignIns
  readonly consents: Consents
  readonly meta: Meta
  close(): Promise<void>
}
