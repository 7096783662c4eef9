import type { VaultFault } from '../../model/index.ts'
import { diagnoseConnection } from './connection.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding } from './finding.ts'
import type { Step } from './step.ts'

const engines = { kv: 'KV version 2', transit: 'Transit' } as const

/** What a look into the vault means. Pure. */
export function vaultFinding(fault: VaultFault, tenant: string): Finding {
  switch (fault.kind) {
    case 'sealed':
      return finding('vault_sealed')
    case 'new':
      return finding('vault_new')
    case 'foreign':
      return finding('vault_foreign')
    case 'redirects':
      return finding('vault_redirects')
    case 'away':
      return finding('vault_away')
    case 'login':
      return finding('vault_login_refused', { role: fault.role, field: `vault.logins.${fault.role}` })
    case 'mount':
      return finding('vault_mount_missing', { ...fault, engine: engines[fault.name] })
    case 'key':
      return finding('vault_key_missing', { key: fault.key })
    case 'right': {
      const { role, right, path, group, missing } = fault
      return finding(missing ? 'vault_right_missing' : 'vault_right_surplus', {
        role,
        right,
        path,
        group,
        tenant,
      })
    }
    case 'rights-unknown':
      return finding('vault_rights_untried', { role: fault.role })
    case 'one-login':
      return finding('vault_one_login')
    case 'canary': {
      const { what, group, field, code: error } = fault
      return finding('vault_canary_failed', { what, group, field, error })
    }
  }
}

/** A policy that is short or wide is one thing to mend, however many paths show it. */
function firstOfEach(faults: readonly VaultFault[]): readonly VaultFault[] {
  const seen = new Set<string>()
  return faults.filter((fault) => {
    const key = fault.kind === 'right' ? `${fault.role} ${fault.missing}` : JSON.stringify(fault)
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

function allRight(
  faults: readonly VaultFault[],
  groups: readonly string[],
  write: boolean,
): readonly Finding[] {
  const kinds = new Set(faults.map(({ kind }) => kind))
  const clean = !kinds.has('rights-unknown') && !kinds.has('one-login')
  return [
    finding('vault_ready'),
    ...(clean ? [finding('vault_rights')] : []),
    ...groups.map((group) => (write ? finding('vault_canary', { group }) : finding('vault_canary_untried'))),
  ]
}

export function vaultStep({ config, tools, words }: Examination): Step {
  const { vault } = tools
  const { addresses = [] } = config.vault ?? {}
  return {
    name: 'the vault',
    needs: [],
    run: async () => {
      if (vault === undefined) return [finding('vault_files')]
      const away: Finding[] = []
      for (const url of addresses) {
        await tools.reach(new URL(url).origin).catch((error: unknown) => {
          const place = { what: 'Vault', url, field: 'vault.address', trust: 'vault.ca' }
          const { code, words: filled } = diagnoseConnection(error, place, words.seconds)
          away.push(finding(code, filled))
        })
      }
      if (away.length > 0) return away
      const write = !words.fixNothing
      const faults = await vault({ write })
      const told = firstOfEach(faults).map((fault) => vaultFinding(fault, config.tenant))
      if (told.some(({ verdict }) => verdict === 'wrong')) return told
      return [...told, ...allRight(faults, config.vault?.groups ?? [], write)]
    },
  }
}
