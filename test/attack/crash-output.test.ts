/** The process breaks while a credential is in its hands, in every way there is: what it leaves behind is searched. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findSecrets, type Haystack } from '../../examples/demo/search.ts'
import { encodings } from '../egress/leak/reflect.ts'
import { startProgram } from '../faults/program.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { mint } from '../kit/instance.ts'
import { startUpstream } from '../kit/upstream.ts'
import { filesBelow } from './scene.ts'

const planted = 'planted-static-key-of-everybody-93d1'
const preload = fileURLToPath(new URL('./crash/preload.mjs', import.meta.url))

interface Left {
  /** Exit code or signal. */
  readonly end: number | string | null
  readonly said: string
  readonly answer: string
  readonly reports: number
  readonly found: readonly string[]
}

/** Crashes the program with a request under way, and searches what it said, wrote and reported. */
async function crash(how: string, { more = '', survives = false } = {}): Promise<Left> {
  const api = await startUpstream((_request, response) => void response.end('{}'))
  const folder = temporaryFolder()
  const reports = join(folder, 'reports')
  mkdirSync(reports)
  const options = [
    `--import ${preload}`,
    '--report-on-fatalerror --report-uncaught-exception --report-on-signal',
    `--report-directory=${reports} --stack-trace-limit=50 ${more}`,
  ]
  const program = await startProgram({
    form: 'dev',
    folder,
    files: { shared: planted },
    env: { NODE_OPTIONS: options.join(' '), CRASH: how, PLANTED: planted },
    config: `log: { level: debug }
servers:
  crm: { url: "http://127.0.0.1:1/mcp", allow: [anyone], direct: [api] }
downstreams:
  api:
    url: "${api.url}"
    static: { header: X-Key, value: file:shared, per: all, owner: crm }
    operations: [{ op: "GET /orders/{id}", class: read }]
`,
  })
  const said: Buffer[] = []
  for (const stream of [program.child.stdout, program.child.stderr]) {
    stream?.on('data', (chunk: Buffer) => said.push(chunk))
  }
  const gone = new Promise<number | string | null>((resolve) => {
    program.child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const { body } = await program.admin('POST', '/v1/dev/tokens', { user: 'alice', ttl: 3600 })
  const subject = String(body['token'])
  const session = (await mint(program, 'crm', subject)).token
  const answer = await fetch(`${program.egress}/downstream/api/orders/1`, {
    headers: { authorization: `Bearer ${session}` },
  }).then(
    async (answer) => JSON.stringify([answer.status, ...answer.headers, await answer.text()]),
    () => '',
  )
  if (survives) program.child.kill('SIGTERM')
  const end = await gone
  const haystacks: Haystack[] = [
    { name: 'output', bytes: Buffer.concat(said) },
    { name: 'answer', bytes: Buffer.from(answer) },
    ...[...filesBelow(reports), ...filesBelow(join(folder, 'data'))].map((name) => ({
      name,
      bytes: readFileSync(name),
    })),
  ]
  const secrets = [planted, subject, session]
  return {
    end,
    answer,
    said: Buffer.concat(said).toString(),
    reports: readdirSync(reports).length,
    found: [
      ...findSecrets(secrets, haystacks),
      ...Object.entries(encodings).flatMap(([name, encode]) =>
        haystacks.flatMap((it) => (it.bytes.includes(encode(planted)) ? [`${name} in ${it.name}`] : [])),
      ),
    ],
  }
}

describe('a process that breaks with a credential in its hands', { timeout: 120_000 }, () => {
  it.each([
    'throw',
    'throw a text',
    'throw many',
    'reject',
    'reject with a text',
    'error event',
    'stack overflow',
  ])('says nothing of it: %s', async (how) => {
    const { end, said, found } = await crash(how)
    expect(found).toEqual([])
    // It did break, by its own hand, and said so.
    expect(end).toBe(1)
    expect(said).toContain('an error was not caught')
  })

  it('goes on, and answers without it, where only the request broke', async () => {
    const { end, said, answer, found } = await crash('throw at once', { survives: true })
    expect(found).toEqual([])
    expect(answer).toContain('[502')
    expect(said).toContain('egress_failed')
    expect(end).toBe(0)
  })

  it('leaves nothing of it in the report of a fatal error either', async () => {
    const aborted = await crash('abort')
    expect(aborted.found).toEqual([])
    expect(aborted.end).not.toBe(0)
    const full = await crash('out of memory', { more: '--max-old-space-size=96' })
    expect(full.found).toEqual([])
    expect(full.end).not.toBe(0)
    expect(full.said).toContain('heap')
    expect(full.reports).toBe(1)
  })
})
