import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { audience, issuer } from '../tokens.ts'
import { startPeerDaemon } from './daemon.ts'
import { bearerOf, injectedValue, type Peer } from './peer.ts'

/** The token is verified on every request: HAProxy keeps no verified ones. */
export const haproxy: Peer = {
  name: 'haproxy',
  injects: bearerOf(injectedValue),
  verifies: true,
  start: async ({ tools, tokens, folder, upstream }) => {
    const port = await freePort()
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(join(folder, 'pub.pem'), tokens.pem)
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend in
  bind 127.0.0.1:${port}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ${issuer} }
  http-request deny deny_status 401 unless { var(txn.aud) -m str ${audience} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${folder}/pub.pem") -m int 1 }
  http-request set-header Authorization "Bearer ${injectedValue}"
  default_backend next
backend next
  http-reuse always
  server upstream ${new URL(upstream).host}
`,
    )
    return startPeerDaemon({
      program: tools.haproxy,
      args: ['-db', '-f', file],
      logFile: join(folder, 'haproxy.log'),
      port,
      token: tokens.good,
      killed: true,
    })
  },
}
