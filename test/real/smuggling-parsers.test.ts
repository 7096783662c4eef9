/**
 * The bytes that the egress sends for every input of the corpus, read by servers that share no code with it: Python's
 * http.server, Go's net/http and nginx, which the parts of the tests bring. Each must find the requests that were sent.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { clients, startRawWorld } from '../attack/over.ts'
import { filled, readCorpus, tryBytes } from '../fuzz/smuggling.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { freePort } from '../kit/parts/process.ts'
import { parts } from '../kit/parts.ts'

/** One line for each request on stdout: method, target, how many credentials. */
interface Parser {
  readonly name: string
  start(folder: string, port: number): ChildProcess
}

const python = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def handle_any(self):
        print(self.command, self.path, len(self.headers.get_all('authorization', [])), flush=True)
        if self.headers.get('transfer-encoding') == 'chunked':
            while True:
                size = int(self.rfile.readline(), 16)
                self.rfile.read(size)
                self.rfile.readline()
                if size == 0: break
        else:
            self.rfile.read(int(self.headers.get('content-length', 0)))
        self.send_response(200)
        self.send_header('content-length', '0')
        self.end_headers()
    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`
const go = `package main
import ("fmt"; "io"; "net/http"; "os"; "sync")
func main() {
  var lock sync.Mutex
  http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
    lock.Lock()
    fmt.Println(r.Method, r.RequestURI, len(r.Header["Authorization"]))
    lock.Unlock()
    io.Copy(io.Discard, r.Body)
  }))
}
`
const nginx = (
  folder: string,
  port: number,
) => `daemon off; master_process off; pid ${folder}/pid; error_log /dev/null;
events { }
http {
  log_format told '$request_method $request_uri $told';
  map $http_authorization $told { default 1; '' 0; ~, 2; }
  access_log ${folder}/told told;
  client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  keepalive_requests 100000;
  server { listen 127.0.0.1:${port}; location / { return 200; } }
}
`

const parsers: readonly Parser[] = [
  {
    name: 'Python’s http.server',
    start: (_folder, port) => spawn('python3', ['-c', python, String(port)]),
  },
  {
    name: 'Go’s net/http',
    start: (folder, port) => {
      writeFileSync(join(folder, 'main.go'), go)
      // The first build of net/http takes a while; Go keeps it for the next run.
      const args = ['build', '-o', join(folder, 'parser'), join(folder, 'main.go')]
      const env = { ...process.env, GO111MODULE: 'off' }
      const { status, stderr } = spawnSync(parts().clients!.goCompiler, args, { env })
      if (status !== 0) throw new Error(String(stderr))
      return spawn(join(folder, 'parser'), [String(port)])
    },
  },
  {
    name: 'nginx',
    start: (folder, port) => {
      writeFileSync(join(folder, 'nginx.conf'), nginx(folder, port))
      return spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')])
    },
  },
]

/** Connects as soon as somebody listens. */
async function reach(port: number, child: ChildProcess): Promise<ReturnType<typeof connect>> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended: ${child.exitCode}`)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const reached = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    if (reached) return socket
    await new Promise((done) => setTimeout(done, 100))
  }
}

let sent: { readonly bytes: Buffer; readonly told: readonly string[] }[] = []

describe.skipIf(parts().clients === undefined).each(clients)('what the egress sends over %s', (client) => {
  afterAll(() => {
    sent = []
  })

  it.for(parsers)('is read alike by $name', { timeout: 300_000 }, async (parser) => {
    if (sent.length === 0) {
      const egress = await startRawWorld(client)
      onTestFinished(() => egress.world.close())
      for (const { raw, sent: told } of readCorpus())
        await tryBytes(egress, filled(raw), { answers: told.length })
      sent = egress.downstream.connections
        .filter(({ read }) => read.rest.length === 0)
        .map(({ bytes, read }) => ({
          bytes,
          told: read.messages.map(({ start }) => `${start.replace(' HTTP/1.1', '')} 1`),
        }))
    }
    const port = await freePort()
    const folder = temporaryFolder()
    const child = parser.start(folder, port)
    onTestFinished(() => void child.kill('SIGKILL'))
    let told = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (told += text))
    // nginx writes to a file, since it cannot open a socket as one.
    const log = join(folder, 'told')
    const lines = () =>
      (told + (existsSync(log) ? readFileSync(log, 'utf8') : '')).split('\n').filter((line) => line !== '')
    for (const { bytes } of sent) {
      const socket = await reach(port, child)
      socket.resume()
      socket.end(bytes)
      await once(socket, 'close')
    }
    const expected = sent.flatMap((it) => it.told)
    expect(expected.length).toBeGreaterThan(20)
    await expect.poll(() => lines().length, { timeout: 10_000 }).toBeGreaterThanOrEqual(expected.length)
    expect(lines().sort()).toEqual([...expected].sort())
  })
})
