import type { Principal, Scope } from '../model/index.ts'
import { type AdminAnswer, type AdminEndpoint, callAdmin } from './client.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

/** A scope as it is said on the command line: `user alice`, `session <sid>`, `tenant`. */
export interface ScopeWords {
  readonly kind: string
  readonly id?: string
  readonly issuer?: string
  readonly server?: string
}

export interface RevokeWords {
  readonly scope: ScopeWords
  readonly cause: string
  readonly hold?: boolean
  readonly id?: string
  readonly wait: 'fence' | 'providers'
  readonly waitSeconds?: number
}

/** `sallyport revoke`: 0 when complete, 4 when fenced but not finished, with what is left. */
export async function revoke(words: RevokeWords, endpoint: AdminEndpoint, output: Output): Promise<ExitCode> {
  output.progress(`revoking ${words.scope.kind} ${words.scope.id ?? ''} …`)
  const answer = await callAdmin(endpoint, {
    method: 'POST',
    path: '/v1/revocations',
    body: {
      scope: words.scope,
      cause: words.cause,
      wait: words.wait,
      ...(words.id === undefined ? {} : { id: words.id }),
      ...(words.hold === undefined ? {} : { hold: words.hold }),
      ...(words.waitSeconds === undefined ? {} : { wait_s: words.waitSeconds }),
    },
  })
  if (answer.status >= 400) return failed(answer, output)
  say(output, answer.body, () => describeReceipt(answer.body['receipt'] as ReceiptShape))
  return answer.status === 200 ? exit.done : exit.partly
}

interface ReceiptShape {
  readonly id: string
  readonly seq: number
  readonly status: string
  readonly durability: string
  readonly hold: boolean
  readonly signIns: string
  readonly replicas: readonly { id: string; state: string; ms: number; sessions: number; calls: number }[]
  readonly connections: readonly { id: string; downstream: string; store: string; provider: string }[]
  readonly accessTokenHorizon?: number
}

function describeReceipt(receipt: ReceiptShape): string[] {
  return [
    `${receipt.status}  revocation ${receipt.id} is entry ${receipt.seq} of the log (durability: ${receipt.durability})`,
    ...receipt.replicas.map(
      (it) =>
        `  replica ${it.id}: ${it.state} in ${it.ms} ms; ${it.sessions} sessions and ${it.calls} calls ended`,
    ),
    ...receipt.connections.map(
      (it) => `  connection ${it.id} at ${it.downstream}: ${it.store}, provider: ${it.provider}`,
    ),
    receipt.hold
      ? '  on hold: nothing new until `sallyport release`'
      : `  a newer sign-in may begin anew (compared by ${receipt.signIns})`,
    ...(receipt.accessTokenHorizon === undefined
      ? []
      : [
          `  tokens already injected end by themselves at ${new Date(receipt.accessTokenHorizon * 1000).toISOString()}`,
        ]),
  ]
}

/** `release`, `hold`, `disable`, `enable`: one entry in the log, no follow-up. */
export async function sayInLog(
  path: '/v1/holds' | '/v1/releases' | '/v1/switches/off' | '/v1/switches/on',
  words: { readonly scope: ScopeWords; readonly cause: string },
  endpoint: AdminEndpoint,
  output: Output,
): Promise<ExitCode> {
  const answer = await callAdmin(endpoint, { method: 'POST', path, body: words })
  if (answer.status >= 400) return failed(answer, output)
  say(output, answer.body, () => [`done: entry ${String(answer.body['seq'])} of the log`])
  return exit.done
}

export interface ConnectWords {
  readonly downstream: string
  readonly server?: string
  readonly user: string
  readonly issuer?: string
  readonly value: string
}

/** `sallyport connect`: keeps a person's own secret for a downstream. The value came by standard input. */
export async function connect(
  words: ConnectWords,
  endpoint: AdminEndpoint,
  output: Output,
): Promise<ExitCode> {
  const answer = await callAdmin(endpoint, { method: 'POST', path: '/v1/connections', body: words })
  if (answer.status >= 400) return failed(answer, output)
  say(output, answer.body, () => [
    `connected ${words.user} to ${words.downstream}: ${String(answer.body['id'])}`,
  ])
  return exit.done
}

/** `sessions`, `connections`, `holds`, `switches`, `status`: one GET. */
export async function show(path: string, endpoint: AdminEndpoint, output: Output): Promise<ExitCode> {
  const answer = await callAdmin(endpoint, { method: 'GET', path })
  if (answer.status >= 400) return failed(answer, output)
  say(output, answer.body, () => Object.entries(answer.body).flatMap(([name, value]) => table(name, value)))
  return exit.done
}

function table(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) return [`${name}: ${text(value)}`]
  if (value.length === 0) return [`no ${name}`]
  const describe = rows[name] ?? text
  return value.map((row) => describe(row as Row))
}

interface Row {
  readonly principal: Principal
  readonly place: { readonly principal: Principal; readonly downstream: string }
  readonly scope: Scope
  readonly [name: string]: unknown
}

/** One line for a row of each list; the whole row stands in `--json`. */
const rows: Readonly<Record<string, (row: Row) => string>> = {
  sessions: (row) =>
    `${text(row['sid'])}  ${who(row.principal)}  via ${text(row['client'])} at ${text(row['server'])}  since ${moment(row['authTime'])}`,
  connections: (row) =>
    `${text(row['id'])}  ${row.place.downstream}  ${who(row.place.principal)}  ${text(row['status'])}  since ${moment(row['createdAt'])}`,
  holds: (row) => `entry ${text(row['seq'])}  ${describeScope(row.scope)}`,
  switches: (row) => `entry ${text(row['seq'])}  ${describeScope(row.scope)} is off`,
}

const who = ({ kind, subject, issuer }: Principal): string => `${kind} ${subject} of ${issuer}`
const moment = (at: unknown): string => new Date(Number(at) * 1000).toISOString()

function describeScope(scope: Scope): string {
  if (scope.kind === 'user') return who(scope.principal)
  const { kind, tenant, ...name } = scope
  return [kind, ...(kind === 'tenant' ? [tenant] : Object.values(name))].join(' ')
}

/** Tells what was refused in the words of the answer: sentence, code, field, remedy. */
export function failed(answer: AdminAnswer, output: Output): ExitCode {
  const { title, code, field, remedy } = answer.body
  say(output, answer.body, () => [
    `${text(title ?? 'failed')} (${text(code ?? answer.status)})`,
    ...(field === undefined ? [] : [`  field: ${text(field)}`]),
    ...(remedy === undefined ? [] : [`  remedy: ${text(remedy)}`]),
  ])
  return answer.status === 401 || answer.status === 403 ? exit.denied : exit.failed
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
