/** An OpenBao prepared as an operator prepares it: by the script that the package ships. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startOpenBaoAt } from '../test/kit/parts/openbao.ts'
import { atEnd, temporaryFolder } from './processes.ts'

export interface Vault {
  /** The section `vault` of a configuration. */
  readonly section: string
  readonly address: string
  readonly logins: Logins
}

interface Login {
  readonly role_id: string
  readonly secret_id_file: string
}

type Logins = Readonly<Record<'runtime' | 'connecting' | 'keeper', Login>>

/** For the tenant `default` and the server `main`. */
export async function startVault(bao: string): Promise<Vault> {
  const server = await startOpenBaoAt(bao, { seal: 'static' })
  atEnd(server.stop)
  const logins = await setUp(server.address, server.rootToken, temporaryFolder('vault'))
  const lines = (Object.keys(logins) as (keyof Logins)[]).map((name) => {
    const { role_id: role, secret_id_file: file } = logins[name]
    return `    ${name}: { approle: { role: "${role}", secret: "file:${file}" } }`
  })
  const section = `vault:\n  address: ${server.address}\n  logins:\n${lines.join('\n')}\n`
  return { section, address: server.address, logins }
}

async function setUp(address: string, token: string, folder: string): Promise<Logins> {
  const script = fileURLToPath(new URL('../deploy/openbao/setup.mjs', import.meta.url))
  const options = ['--tenant', 'default', '--group', 'main', '--secret-dir', folder, '--json']
  const child = spawn(process.execPath, [script, '--address', address, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BAO_TOKEN: token, VAULT_TOKEN: '' },
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`setup.mjs ended with ${code}`)
  return (JSON.parse(Buffer.concat(chunks).toString()) as { logins: Logins }).logins
}
