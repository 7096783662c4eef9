/**
 * Starts the built program and takes it through its first requests, so that what V8 compiles on the way lies in
 * dist/cache for the next start (docs/decisions/0016-bundle.md). It counts for the same Node, flags and user only, so
 * the image runs this with its own. Needs nothing but Node; everything it starts is on loopback and throwaway.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const program = resolve(process.argv[2] ?? join(import.meta.dirname, '..', 'dist', 'cli.js'))

async function freePort() {
  const server = createSocketServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

async function json(url, init) {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  return answer.json()
}

async function firstRequests(folder, { egress, admin, telemetry }) {
  const secretOf = (name) => readFileSync(join(folder, 'data', 'run', `${name}.cap`), 'utf8').trim()
  const asked = await json(`http://127.0.0.1:${admin}/v1/dev/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secretOf('admin')}`, 'content-type': 'application/json' },
    body: '{"user":"alice","ttl":60}',
  })
  const minted = await json(`http://127.0.0.1:${egress}/oauth2/token`, {
    method: 'POST',
    headers: { 'sallyport-capability': secretOf('main') },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: asked.token,
    }),
  })
  for (const path of ['/small', '/small'])
    await json(`http://127.0.0.1:${egress}/downstream/api${path}`, {
      headers: { authorization: `Bearer ${minted.access_token}` },
    })
  await json(`http://127.0.0.1:${telemetry}/readyz`)
}

/** Node keeps it for its user alone; an image gives it to root, so that the program can read and not write it. */
function letRead(cache) {
  if (!existsSync(cache)) throw new Error('no compiled code was kept')
  for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true }))
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-warm-'))
const downstream = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
}).listen(0, '127.0.0.1')
await once(downstream, 'listening')
try {
  const names = ['egress', 'public', 'admin', 'telemetry']
  const ports = {}
  for (const name of names) ports[name] = await freePort()
  const at = names.map((name) => `${name}: "127.0.0.1:${ports[name]}"`).join(', ')
  writeFileSync(join(folder, 'credential'), 'a-credential-of-nobody', { mode: 0o600 })
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `listen: { ${at} }
allow: [anyone]
direct: [api]
downstreams:
  api:
    url: http://127.0.0.1:${downstream.address().port}
    static: { header: X-Api-Key, value: "file:credential", per: all, owner: nobody }
    operations: [{ op: GET /small, class: read }]
`,
  )
  const args = [...process.execArgv, program, 'dev', '--config', 'sallyport.yaml']
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk
      if (/^ready$/m.test(said)) resolve()
    })
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`the program did not start\n${said}`)))
  })
  const ended = once(child, 'exit')
  await firstRequests(folder, ports)
  child.kill('SIGTERM')
  const [code] = await ended
  if (code !== 0) throw new Error(`the program ended with ${code}\n${said}`)
  letRead(join(dirname(program), 'cache'))
} finally {
  downstream.close()
  downstream.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
}
