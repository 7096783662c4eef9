/** The one upstream that every contender of a run stands before. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../test/kit/parts/process.ts'
import type { Tools } from './install.ts'
import { nginxFrame } from './nginx.ts'
import { injectedValue } from './peers/peer.ts'
import { startOn, temporaryFolder, untilListening } from './processes.ts'

/** Origins. `plain` is nginx: `/small`, `/large`. `bodies` is a Go server: `/sink`, `/sse`. Both have `/echo` and `/digest`. */
export interface Upstreams {
  readonly plain: string
  readonly bodies: string
  /** How many requests an upstream has served so far. */
  served(origin: string): Promise<number>
}

/** What OpenBao Proxy asks its server before it serves: the token it is to inject, as that server knows it. */
const lookup = `{"data":{"id":"${injectedValue}","accessor":"a","policies":["root"],"path":"auth/token/root","ttl":0,"creation_ttl":0,"renewable":false,"type":"service","orphan":true,"display_name":"t","num_uses":0,"meta":null,"entity_id":"","expire_time":null,"explicit_max_ttl":0}}`

const jsonOf = (bytes: number) => `{"filler":"${'x'.repeat(Math.max(0, bytes - 13))}"}`

/** Paths with and without the prefix that OpenBao Proxy puts before everything. */
const both = (name: string, rule: string) =>
  [`/${name}`, `/v1/${name}`].map((path) => `location = ${path} { ${rule} }`).join('\n    ')

export async function startUpstreams(
  tools: Tools,
  sizes: { readonly answer: number; readonly large: number },
): Promise<Upstreams> {
  const folder = temporaryFolder('upstream')
  const [port, goPort] = [await freePort(), await freePort()]
  writeFileSync(join(folder, 'large'), Buffer.alloc(sizes.large, 'x'))
  writeFileSync(join(folder, 'small'), jsonOf(sizes.answer))
  // nginx takes a word of at most 4 KiB in its configuration; beyond that it is a file.
  const small =
    sizes.answer <= 3000 ? `return 200 '${jsonOf(sizes.answer)}';` : `root ${folder}; try_files /small =404;`
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    nginxFrame(
      folder,
      `default_type application/json;
  sendfile on;
  open_file_cache max=16 inactive=1h;
  upstream echo { server 127.0.0.1:${goPort}; keepalive 8; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    ${both('small', small)}
    ${both('large', `default_type application/octet-stream; root ${folder}; try_files /large =404;`)}
    ${both('echo', 'proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection "";')}
    ${both('digest', 'proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection "";')}
    location = /v1/auth/token/lookup-self { return 200 '${lookup}'; }
    location = /status { stub_status; }
  }`,
    ),
  )
  const logFile = join(folder, 'log')
  const nginx = await startOn('rest', { program: tools.nginx, args: ['-p', folder, '-c', file], logFile })
  const go = await startOn('rest', {
    program: tools.load,
    args: ['upstream', '-listen', `127.0.0.1:${goPort}`],
    logFile,
  })
  await untilListening(port, nginx)
  await untilListening(goPort, go)
  const plain = `http://127.0.0.1:${port}`
  const bodies = `http://127.0.0.1:${goPort}`
  let asked = 0
  const textOf = async (url: string) => (await fetch(url)).text()
  return {
    plain,
    bodies,
    served: async (origin) => {
      if (origin === bodies) return Number(await textOf(`${bodies}/count`))
      // stub_status(ngx): the third number of its third line counts requests, these questions too.
      const counts = (await textOf(`${plain}/status`)).split('\n')[2]?.trim().split(' ') ?? []
      asked += 1
      return Number(counts[2]) - asked
    },
  }
}
