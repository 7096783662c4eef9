import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { nginxFrame } from '../nginx.ts'
import { startPeerDaemon } from './daemon.ts'
import { bearerOf, type Contender, injectedValue, type Peer, type Setup } from './peer.ts'

/** A header that always is the same: no token is looked at, nothing decided, nothing recorded. The physical limit. */
export const nginx: Peer = {
  name: 'nginx',
  injects: bearerOf(injectedValue),
  verifies: false,
  start: (setup) =>
    startNginx(setup, ['client_max_body_size 0', `proxy_set_header Authorization "Bearer ${injectedValue}"`]),
}

/** One worker that passes everything on to the upstream, with these directives besides. */
export async function startNginx(
  { tools, tokens, folder, upstream }: Setup,
  directives: readonly string[],
): Promise<Contender> {
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    nginxFrame(
      folder,
      `upstream next { server ${new URL(upstream).host}; keepalive 256; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000000;
    location / {
      proxy_pass http://next;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${directives.map((it) => `${it};`).join('\n      ')}
    }
  }`,
    ),
  )
  return startPeerDaemon({
    program: tools.nginx,
    args: ['-p', folder, '-c', file],
    logFile: join(folder, 'nginx.log'),
    port,
    token: tokens.good,
  })
}
