import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../kit/folder.ts'
import { mint } from '../kit/instance.ts'
import { startProgram } from './program.ts'

const wanted = 10_000

/** A stream holds two files in the program: the caller's connection and the downstream's. */
function possible(): number {
  const files = execFileSync('sh', ['-c', `ulimit -n ${2 * wanted + 500} 2>/dev/null; ulimit -n`])
    .toString()
    .trim()
  return files === 'unlimited' ? wanted : Math.min(wanted, Math.floor((Number(files) - 200) / 2))
}

async function startDownstream(): Promise<number> {
  const path = fileURLToPath(new URL('./idle-downstream.ts', import.meta.url))
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [port] = await once(child.stdout, 'data')
  return Number(port)
}

/** One stream, from its request to its first event. */
function openStream(egress: URL, token: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(egress.port), egress.hostname)
    socket.write(
      `GET /downstream/api/streams/1 HTTP/1.1\r\nHost: ${egress.host}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    socket.on('error', reject)
    let got = ''
    socket.on('data', (bytes: Buffer) => {
      got += String(bytes)
      if (got.includes('data: open')) resolve(socket)
      else if (/^HTTP\/1.1 [^2]/.test(got)) reject(new Error(got))
    })
  })
}

async function openStreams(count: number, egress: URL, token: string): Promise<Socket[]> {
  const sockets: Socket[] = []
  const worker = async () => {
    while (sockets.length < count) {
      const at = sockets.push(undefined as never) - 1
      sockets[at] = await openStream(egress, token)
    }
  }
  await Promise.all(Array.from({ length: 100 }, worker))
  return sockets
}

const residentKiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

it.skipIf(!existsSync('/proc/self/fd'))(
  'ten thousand idle streams, or as many as files may be open: others are served, one revocation ends all, nothing stays',
  { timeout: 240_000 },
  async ({ annotate }) => {
    const count = possible()
    const port = await startDownstream()
    const program = await startProgram({
      form: 'dev',
      folder: temporaryFolder(),
      files: { shared: 'the-key-of-everybody' },
      openFiles: 2 * wanted + 500,
      config: `log: { level: error }
servers:
  crm: { url: "http://127.0.0.1:1/mcp", allow: [anyone], direct: [api] }
downstreams:
  api:
    url: "http://127.0.0.1:${port}"
    static: { header: X-Key, value: file:shared, per: all, owner: crm }
    operations: [{ op: "GET /streams/{id}", class: read }, { op: "GET /orders/{id}", class: read }]
`,
    })
    const pid = program.child.pid ?? 0
    const session = async (user: string) => {
      const { body } = await program.admin('POST', '/v1/dev/tokens', { user, ttl: 3600 })
      return (await mint(program, 'crm', String(body['token']))).token
    }
    const [alice, bob] = [await session('alice'), await session('bob')]
    const order = async (token: string) =>
      (
        await fetch(`${program.egress}/downstream/api/orders/1`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status
    expect(await order(bob)).toBe(200)
    const before = { files: openFiles(pid), memory: residentKiB(pid) }

    const sockets = await openStreams(count, new URL(program.egress), alice)
    const perStream = (residentKiB(pid) - before.memory) / count
    await annotate(`${count} streams, ${perStream.toFixed(1)} KiB of resident memory each`)
    expect((await program.admin('GET', '/v1/status')).body['live']).toBe(count)
    expect(perStream).toBeLessThan(96)
    expect(await order(bob)).toBe(200)

    const gone = Promise.all(
      sockets.map(async (socket) => {
        socket.removeAllListeners('error').on('error', () => undefined)
        if (!socket.closed) await once(socket, 'close')
      }),
    )
    const revoked = await program.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: 'alice' },
      cause: 'test',
    })
    expect(revoked.status).toBe(200)
    await gone
    expect((await program.admin('GET', '/v1/status')).body['live']).toBe(0)
    await expect.poll(() => openFiles(pid), { timeout: 10_000 }).toBeLessThan(before.files + 50)
    expect(await order(alice)).toBe(401)
    expect(await order(bob)).toBe(200)
  },
)
