import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { describe, expect, onTestFinished } from 'vitest'
import { temporaryFolder } from '../kit/folder.ts'
import { both, type Rig, type Start } from './rig.ts'

interface Pair {
  readonly key: string
  readonly cert: string
}

/** An authority of the test's own, and certificates by it. */
function authority() {
  const folder = temporaryFolder()
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=faults', '-days', '10')
  return {
    ca: read('ca.pem'),
    issue: (name: string, names: string, days = '10'): Pair => {
      openssl(
        'req',
        ...key,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        '/CN=x',
        '-addext',
        `subjectAltName=${names}`,
      )
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy']
      openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-days', days, '-out', `${name}.pem`)
      return { key: read(`${name}.key`), cert: read(`${name}.pem`) }
    },
    selfSigned: (name: string): Pair => {
      openssl(
        'req',
        '-x509',
        ...key,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
        '-subj',
        '/CN=x',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-days',
        '10',
      )
      return { key: read(`${name}.key`), cert: read(`${name}.pem`) }
    },
  }
}

/** Ends TLS in front of a server without it. */
async function startFront(pair: Pair) {
  const state = { target: 0, port: 0, present: (next: Pair) => server.setSecureContext(next) }
  const server = createServer(pair, (socket) => {
    const onward = connect(state.target, '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as [Socket, Socket][]) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  state.port = (server.address() as AddressInfo).port
  return state
}

async function trusted(start: Start) {
  const made = authority()
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, made.ca])
  onTestFinished(() => setDefaultCACertificates(before))
  const good = made.issue('good', 'IP:127.0.0.1')
  const front = await startFront(good)
  const rig = await start({
    url: (port) => {
      front.target = port
      return `https://127.0.0.1:${front.port}`
    },
  })
  return { made, good, front, rig }
}

async function expectRefused(rig: Rig, status = 502, code = 'downstream_unreachable'): Promise<void> {
  const answer = await rig.ask()
  expect(answer).toMatchObject({ status, code })
  expect(await rig.story(answer.id)).toMatchObject([{ result: 'failed', reason: code }])
  expect(rig.api.heard).toEqual([])
}

describe('a downstream whose TLS is not to be trusted', () => {
  both(
    'shows a certificate that is self-signed, expired, or of another name: nothing is sent to it',
    async (start) => {
      const { made, good, front, rig } = await trusted(start)
      front.present(made.selfSigned('self'))
      await expectRefused(rig)
      front.present(made.issue('expired', 'IP:127.0.0.1', '-1'))
      await expectRefused(rig)
      front.present(made.issue('other', 'DNS:other.example,IP:127.0.0.2'))
      await expectRefused(rig)
      front.present(good)
      await rig.recovers()
    },
  )

  both('answers the handshake in the clear, or not at all', async (start) => {
    const { rig } = await trusted(start)
    const clear = await start({ url: (port) => `https://127.0.0.1:${port}` })
    clear.api.greet = (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    await expectRefused(clear)
    clear.api.greet = (socket) => void socket.end()
    const cut = await clear.ask()
    expect(cut.status).toBe(502)
    clear.api.greet = () => undefined
    await expectRefused(clear, 504, 'downstream_timeout')
    await rig.recovers()
  })
})
