import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { startPeerDaemon } from './daemon.ts'
import { injectedValue, type Peer } from './peer.ts'

/** Puts its own token before the server that it stands before; its callers show none. Everything is under `/v1/`. */
export const openbaoProxy: Peer = {
  name: 'openbao-proxy',
  injects: { header: 'x-vault-token', value: injectedValue },
  verifies: false,
  start: async ({ tools, folder, tokens, upstream }) => {
    const port = await freePort()
    const file = join(folder, 'proxy.hcl')
    writeFileSync(join(folder, 'token'), injectedValue, { mode: 0o600 })
    writeFileSync(
      file,
      `log_level = "error"
vault { address = "${upstream}" }
auto_auth {
  method "token_file" { config = { token_file_path = "${folder}/token" } }
}
api_proxy { use_auto_auth_token = "force" }
listener "tcp" {
  address     = "127.0.0.1:${port}"
  tls_disable = true
}
`,
    )
    return startPeerDaemon({
      program: tools.bao,
      args: ['proxy', `-config=${file}`],
      logFile: join(folder, 'bao.log'),
      // The environment wins over the file, and a machine may have a Vault of its own.
      env: {
        GOMAXPROCS: '1',
        BAO_ADDR: upstream,
        VAULT_ADDR: upstream,
        BAO_TOKEN: '',
        VAULT_TOKEN: '',
        HOME: folder,
      },
      port,
      token: tokens.good,
      pathPrefix: '/v1',
      showing: (token) => ({ 'X-Vault-Token': token }),
      // It listens before it has its token.
      ready: () => serves(`http://127.0.0.1:${port}/v1/echo`),
    })
  },
}

async function serves(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(1000) })
  return (await answer.text()).includes(injectedValue)
}
