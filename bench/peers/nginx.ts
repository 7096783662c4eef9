import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { nginxFrame } from '../nginx.ts'
import { startPeerDaemon } from './daemon.ts'
import { bearerOf, injectedValue, type Peer } from './peer.ts'

/** A header that always is the same: no token is looked at, nothing decided, nothing recorded. The physical limit. */
export const nginx: Peer = {
  name: 'nginx',
  injects: bearerOf(injectedValue),
  verifies: false,
  start: async ({ tools, tokens, folder, upstream }) => {
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
    client_max_body_size 0;
    location / {
      proxy_pass http://next;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${injectedValue}";
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
  },
}
