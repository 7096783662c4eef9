/** The program: `sallyport run -- command`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { configuration, freePorts } from '../kit/instance.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { eventually, isAlive } from './world.ts'

vi.setConfig({ testTimeout: 60_000 })

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const plain = fileURLToPath(new URL('servers/plain.mjs', import.meta.url))

/** Secrets of the configuration, of names that say so, and of others; and two variables that the program may have. */
const planted = {
  SHOP_NAME: 'the shop',
  REGION: 'here',
  ORDERS_KEY_OF_ALL: 'canary-of-the-configuration-1',
  GITHUB_TOKEN: 'canary-of-github-2',
  AWS_SECRET_ACCESS_KEY: 'canary-of-aws-3',
  DATABASE_URL: 'postgres://me:canary-of-the-database-4@db',
  SALLYPORT_CONFIG: 'canary-of-a-place-5',
  SSH_AUTH_SOCK: '/canary-of-an-agent-6',
  NODE_OPTIONS: '--title=canary-7',
  // The same under a name that is passed on.
  LC_COPY: 'it is canary-of-the-configuration-1 again',
}

interface Started {
  readonly child: ChildProcess
  readonly folder: string
  readonly ready: Record<string, string>
  readonly said: () => string
  call(name: string, args?: object): Promise<any>
}

const rest = `allow: [anyone]
anonymous: somebody
tools: { "*": { class: read, uses: [] } }
downstreams:
  orders:
    url: https://orders.example
    static: { header: X-Api-Key, value: "\${ORDERS_KEY_OF_ALL}", per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }]
`

async function folderWith(more = rest): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'sallyport.yaml'), configuration(await freePorts(), more, 'gateway'))
  return folder
}

async function start(words: readonly string[] = [], options: readonly string[] = []): Promise<Started> {
  const folder = await folderWith()
  const child = spawn(
    process.execPath,
    [cli, 'run', '--json', ...options, '--', process.execPath, plain, ...words],
    { cwd: folder, env: { ...process.env, ...planted, SALLYPORT_CONFIG: 'sallyport.yaml' } },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)))
  const line = await Promise.race([
    once(child.stdout, 'data').then(([chunk]) => String(chunk)),
    once(child, 'exit').then(() => Promise.reject(new Error(said))),
  ])
  const ready = JSON.parse(line) as Record<string, string>
  let session: string | undefined
  const post = async (message: object) => {
    const headers = {
      'content-type': 'application/json',
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    }
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    const answer = await fetch(`${ready['gateway']}/mcp`, { method: 'POST', headers, body })
    session ??= answer.headers.get('mcp-session-id') ?? undefined
    return (await answer.json()) as any
  }
  await post({ id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } })
  const call: Started['call'] = async (name, args = {}) => {
    const { result } = await post({ id: 1, method: 'tools/call', params: { name, arguments: args } })
    return JSON.parse(result.content[0].text)
  }
  return { child, folder, ready, said: () => said, call }
}

describe('sallyport run', () => {
  it('shows the program no secret of its environment, and no descriptor', async () => {
    const { call, ready, said, child, folder } = await start([], ['--env', 'SHOP_NAME', '--env', 'REGION'])
    expect(ready).toMatchObject({ ready: true, form: 'dev' })
    const { env, fds } = await call('whoami')
    expect(JSON.stringify(env)).not.toMatch(/canary/)
    expect(env).toMatchObject({ SHOP_NAME: 'the shop', REGION: 'here' })
    expect(Object.keys(env)).toEqual(expect.arrayContaining(['PATH', 'HOME', 'SALLYPORT_EGRESS']))
    // Its three streams are the only sockets; nothing of ours is open there.
    expect(fds.filter((it: string) => it.startsWith('socket:'))).toHaveLength(3)
    expect(fds.filter((it: string) => it.startsWith(folder))).toEqual([])
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(said()).not.toMatch(/canary/)
  })

  it('leaves nobody behind when it ends, and ends with 0', async () => {
    const { child, call } = await start(['stubborn'])
    const { pid, env } = await call('whoami')
    const forked = await call('fork')
    expect([isAlive(pid), isAlive(forked)]).toEqual([true, true])
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect([isAlive(pid), isAlive(forked)]).toEqual([false, false])
    const socket = env['SALLYPORT_EGRESS'].replace(/^unix:/, '')
    await eventually(() => !isThere(join(socket, '../..')))
  })

  it('leaves nobody behind when it is killed', async () => {
    const { child, call } = await start(['stubborn'])
    const { pid, env } = await call('whoami')
    const forked = await call('fork')
    child.kill('SIGKILL')
    await eventually(() => !isAlive(pid) && !isAlive(forked))
    const socket = env['SALLYPORT_EGRESS'].replace(/^unix:/, '')
    await eventually(() => !isThere(join(socket, '../..')))
  })

  it('is of the single form where the configuration is, beside servers that have an address', async () => {
    const folder = await folderWith(`login: { issuer: "https://idp.example" }
key: file:${join(temporaryFolder(), 'key')}
servers:
  far: { url: "http://127.0.0.1:1/mcp", allow: [anyone] }
  near:
    allow: [anyone]
    anonymous: somebody
    tools: { "*": { class: read, uses: [] } }
`)
    const key = /^key: file:(.*)$/m.exec(readFileSync(join(folder, 'sallyport.yaml'), 'utf8'))![1]!
    writeFileSync(key, 'k'.repeat(32), { mode: 0o600 })
    const words = ['run', '--json', '--server', 'near', '--', process.execPath, plain]
    const child = spawn(process.execPath, [cli, ...words], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const ready = JSON.parse(String(line)) as Record<string, string>
    expect(ready['form']).toBe('single')
    const params = { protocolVersion: '2025-11-25', capabilities: {} }
    const answer = await fetch(`${ready['gateway']}/near/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
    })
    expect(await answer.json()).toMatchObject({ id: 1, result: { serverInfo: { name: 'plain' } } })
  })

  it.each<[string, readonly string[], number, RegExp]>([
    ['without a command', [], 2, /missing required argument/],
    [
      'with a program that is not there',
      ['--', 'no-such-program-here'],
      1,
      /no such-?program|there is no program/,
    ],
    ['with the variable of a secret', ['--env', 'ORDERS_KEY_OF_ALL', '--', 'true'], 1, /takes a secret from/],
    [
      'with a variable called a secret',
      ['--env', 'GITHUB_TOKEN', '--', 'true'],
      1,
      /the name says that a secret/,
    ],
    ['with a variable that is not there', ['--env', 'ABSENT', '--', 'true'], 1, /the variable is not set/],
    ['with a server that is not there', ['--server', 'other', '--', 'true'], 1, /give one of: main/],
  ])('does not start %s', async (_, words, code, why) => {
    const folder = await folderWith()
    const { status, stderr } = spawnSync(process.execPath, [cli, 'run', ...words], {
      cwd: folder,
      env: { ...process.env, ...planted, SALLYPORT_CONFIG: 'sallyport.yaml' },
      encoding: 'utf8',
    })
    expect(status).toBe(code)
    expect(stderr).toMatch(why)
    expect(stderr).not.toMatch(/canary/)
  })

  it.each([
    [
      'a server that has an address',
      'server: http://127.0.0.1:1/mcp\nallow: [anyone]\n',
      /reached by its address/,
    ],
    [
      'single, where something of it is there',
      'allow: [anyone]\nlogin: { issuer: https://idp.example }\n',
      /no key/,
    ],
  ])('refuses a configuration of %s', async (_, more, why) => {
    const folder = await folderWith(more)
    const { status, stderr } = spawnSync(process.execPath, [cli, 'run', '--', 'true'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toMatch(why)
  })
})

function isThere(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EISDIR'
  }
}
