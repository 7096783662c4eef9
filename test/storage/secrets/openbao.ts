import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Secret } from '../../../src/model/index.ts'
import type {
  VaultDeps,
  VaultLoginOptions,
  VaultOptions,
} from '../../../src/storage/secrets/vault-options.ts'
import { type BaoAddress, bao } from '../../kit/parts.ts'
import { quietLog } from '../../kit/quiet.ts'
import { clock, fetchOf } from './fake-vault.ts'

const setup = new URL('../../../deploy/openbao/setup.mjs', import.meta.url).pathname

/** What `setup.mjs` prints with `--json`. */
export interface SetupReport {
  readonly ok: true
  readonly steps: readonly { readonly step: string; readonly state: 'made' | 'kept' | 'changed' }[]
  readonly logins: Readonly<Record<Role, { readonly role_id: string; readonly secret_id_file: string }>>
}
type Role = 'runtime' | 'connecting' | 'keeper'

/** `setup.mjs` as an operator runs it. */
export async function runSetup(at: BaoAddress, args: readonly string[]): Promise<SetupReport> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [setup, '--address', at.address, '--json', ...args],
    { env: { BAO_TOKEN: at.rootToken } },
  )
  return JSON.parse(stdout) as SetupReport
}

export const vaultDeps: VaultDeps = {
  fetch: fetchOf,
  clock,
  log: quietLog,
  random: randomBytes,
}

/** A tenant set up on mounts that no other test has. */
export async function setUpTenant(
  at: BaoAddress,
  input: {
    readonly tenant?: string
    readonly groups?: readonly string[]
    readonly like?: VaultOptions
    readonly ttl?: string
    /** What the logins are for; their policies are rewritten by whoever sets up the same tenant under the same name. */
    readonly name?: string
  } = {},
): Promise<VaultOptions & { readonly tenant: string; readonly groups: readonly string[] }> {
  const { tenant = 'acme', groups = ['crm', 'hr'], ttl = '20m', name = 'sallyport' } = input
  const suffix = randomBytes(4).toString('hex')
  const mounts = input.like?.mounts ?? { kv: `kv-${suffix}`, transit: `transit-${suffix}` }
  const approle = input.like?.logins.runtime.mount ?? `approle-${suffix}`
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-logins-'))
  try {
    const report = await runSetup(at, [
      ...['--name', name, '--tenant', tenant, ...groups.flatMap((group) => ['--group', group])],
      ...['--kv', mounts.kv, '--transit', mounts.transit, '--approle', approle],
      ...['--token-ttl', ttl, '--secret-dir', folder],
    ])
    const login = async (role: Role): Promise<VaultLoginOptions> => ({
      kind: 'approle',
      role: report.logins[role].role_id,
      secret: new Secret(await readFile(report.logins[role].secret_id_file, 'utf8'), 'secret id'),
      mount: approle,
    })
    const logins = {
      runtime: await login('runtime'),
      connecting: await login('connecting'),
      keeper: await login('keeper'),
    }
    return { addresses: [at.address], mounts, logins, tenant, groups }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The token of a login, to try what it may do. */
export async function tokenOf(at: BaoAddress, { role, secret, mount }: VaultLoginOptions): Promise<string> {
  const answer = await bao(at, 'POST', `auth/${mount}/login`, { role_id: role, secret_id: secret?.reveal() })
  return answer.auth.client_token as string
}

/** Paths of all entries, by the root token; sallyport itself may not list. */
export async function entriesOf(at: BaoAddress, kv: string, under = ''): Promise<string[]> {
  const response = await fetch(`${at.address}/v1/${kv}/metadata/${under}?list=true`, {
    headers: { 'x-vault-token': at.rootToken },
  })
  if (response.status === 404) return []
  const { data } = (await response.json()) as { data: { keys: string[] } }
  const found: string[] = []
  for (const name of data.keys) {
    const path = `${under}${name}`
    found.push(...(name.endsWith('/') ? await entriesOf(at, kv, path) : [path]))
  }
  return found
}

export async function versionsWithContent(at: BaoAddress, kv: string): Promise<number> {
  let count = 0
  for (const path of await entriesOf(at, kv)) {
    const { data } = await bao(at, 'GET', `${kv}/metadata/${path}`)
    for (const version of Object.values<{ destroyed: boolean; deletion_time: string }>(data.versions)) {
      if (!version.destroyed && version.deletion_time === '') count += 1
    }
  }
  return count
}
