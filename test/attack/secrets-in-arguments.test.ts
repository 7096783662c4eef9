import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { verifyRecords } from '../../src/audit/index.ts'
import { auditTail } from '../../src/console/audit.ts'
import { SallyportError } from '../../src/model/index.ts'
import { encodings } from '../egress/leak/reflect.ts'
import { call, eras, legacy, versionKey } from '../mcp/messages.ts'
import { asEvents, honest, openStream, type Reached } from '../mcp/upstream.ts'
import { startWorld, type World } from '../mcp/world.ts'
import { filesBelow } from './scene.ts'

/**
 * A70 what a person or a server says lands in records and logs: secrets in the parameters and results of calls, names that forge
 * lines. And a record that cannot be written: what changes something is then not done at all.
 */
const canary = 'hunter2-canary+/õ-9c41f0'

/** The canary in every spelling; in whole, and what is left of it where a text was cut into lines or names. */
const spelled = Object.entries(encodings).map(([name, encode]) => [name, encode(canary)] as const)

/** What can be seen from outside, or be read on the disk, but for what the server and the client were told. */
async function everything({ running, log }: World): Promise<Record<string, string>> {
  const lines: string[] = []
  const output = { json: false, line: (text: string) => void lines.push(text), progress: () => undefined }
  await auditTail(`${running.instance.config.data}/records`, { lines: 1000 }, output)
  return {
    log: log.join(''),
    'the record, as people read it': lines.join('\n'),
    metrics: await (await fetch(`${running.telemetry}/metrics`)).text(),
    status: JSON.stringify(await running.admin('GET', '/v1/status')),
    sessions: JSON.stringify(await running.admin('GET', '/v1/sessions')),
    ...Object.fromEntries(filesBelow(running.folder).map((name) => [name, readFileSync(name, 'latin1')])),
  }
}

async function expectNowhere(world: World): Promise<void> {
  for (const [place, text] of Object.entries(await everything(world))) {
    for (const [name, said] of spelled)
      expect([place, name, text.includes(Buffer.from(said).toString('latin1'))]).toEqual([place, name, false])
    expect([place, text.includes('hunter2')]).toEqual([place, false])
  }
}

describe('A70 a secret in a call', () => {
  it('is in no record, log, metric or file: not from parameters, results, errors, headers or prompts', async () => {
    const world = await startWorld()
    const says = (status: number, error: boolean) => (reached: Reached) => {
      const { message, response } = reached
      const body = error
        ? { error: { code: -1, message: canary, data: canary } }
        : { result: { content: [canary] } }
      response.writeHead(status, { 'content-type': 'application/json', 'x-secret': 'hunter2' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message['id'], ...body }))
    }
    const breaking = (reached: Reached) => {
      const response = openStream(reached)
      response.write(
        `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${canary}"}}\n\n`,
      )
      setTimeout(() => response.destroy(), 20)
    }
    const args = Object.fromEntries(spelled.map(([name, said]) => [name, said]))
    const deep = { ...args, [canary]: canary, password: { value: [canary] } }
    const answers = [honest, asEvents, says(200, false), says(200, true), says(500, true), breaking]
    for (const answer of answers) {
      world.upstream.answer = answer
      for (const message of Object.values(eras)) {
        for (const tool of ['read_order', 'write_order', 'wipe', 'no_such'])
          await world.ask(
            message('tools/call', call(tool, deep), ['Mcp-Param-Password', canary.replace('õ', '')]),
          )
        await world.ask(message('prompts/get', { name: 'greeting', arguments: deep }))
      }
      // What is refused before it is decided on is not told either.
      const meta = { _meta: { [versionKey]: canary } }
      await world.ask(legacy('tools/call', { ...call('read_order', deep), ...meta }))
      await world.ask({ headers: ['Content-Type', 'text/plain'], body: canary })
      await world.ask({ headers: ['Content-Type', 'application/json'], body: `{"password":"${canary}"` })
    }
    await expect
      .poll(() => world.record().filter(({ kind }) => kind === 'return').length)
      .toBe(world.record().filter(({ kind }) => kind === 'call').length)
    expect(world.record().filter(({ kind }) => kind === 'call').length).toBe(answers.length * 4)
    expect(world.upstream.bytes().includes('hunter2')).toBe(true)
    await expectNowhere(world)
  })

  it('cannot be guessed from its digest, which has a key, and is the same for the same parameters', async () => {
    const [one, other] = [await startWorld(), await startWorld()]
    for (const world of [one, other])
      for (const args of [
        { pin: '1234', a: 1 },
        { a: 1, pin: '1234' },
        { pin: '1235', a: 1 },
      ])
        await world.ask(legacy('tools/call', call('read_order', args)))
    const digests = ({ record }: World) =>
      record().flatMap(({ kind, details }) => (kind === 'call' ? [String(details.args_digest)] : []))
    const [first, same, different] = digests(one)
    expect([first === same, first === different]).toEqual([true, false])
    expect(digests(other)).not.toContain(first)
  })
})

describe('A70 names that forge', () => {
  it('make no line of their own, in the record or the log, and send nothing to a terminal', async () => {
    const world = await startWorld()
    const hostile = [
      'x"}\n{"n":2,"kind":"call","decision":"allow","tool":"wipe"}',
      '\r\n\u001b[2J\u001b[1;31mallow',
      '\u202eevil\u2066\u2028\u0085',
      '","decision":"allow","tool":"read_order',
      '\u0000\u0007\u009b31m',
      'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl',
    ]
    for (const name of hostile) {
      const headers = ['traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'User-Agent', '\u009b2J']
      expect((await world.ask(legacy('tools/call', call(name, { [name]: name }), headers))).outcome).toBe(
        '200 -32602',
      )
      await world.ask(legacy(name, { [name]: name }))
    }
    const denials = world.record().filter(({ kind }) => kind === 'denial')
    expect(denials.map(({ decision }) => decision)).toEqual(hostile.map(() => 'deny'))
    expect(world.record().filter(({ kind }) => kind === 'call')).toEqual([])
    const all = await everything(world)
    for (const line of all['the record, as people read it']!.split('\n'))
      expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
    for (const line of world.log) {
      expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202e]/u)
      expect(() => JSON.parse(line) as unknown).not.toThrow()
    }
    expect(JSON.stringify(all)).not.toContain('c2lnbmF0dXJl')
    await world.running.stop()
    expect(await verifyRecords(`${world.running.instance.config.data}/records`)).toMatchObject({ ok: true })
  })
})

describe('A70 a record that cannot be written', () => {
  it('stops every call before the server hears of it, and what comes after it goes on', async () => {
    const world = await startWorld()
    const { audit } = world.running.instance
    const token = world.token('alice')
    // A sign-in is a record too.
    await world.ask({ method: 'POST' }, { token })
    const note = vi.spyOn(audit, 'note').mockRejectedValue(new SallyportError('record_unavailable'))
    for (const message of Object.values(eras))
      for (const tool of ['write_order', 'read_order']) {
        const answer = await world.ask(message('tools/call', call(tool, { id: '1' })), { token })
        expect(answer.outcome).toBe('503 503 record_unavailable')
        expect(answer.headers['retry-after']).toMatch(/^\d+$/)
        expect(answer.body['id']).toBe(1)
      }
    expect(world.upstream.methods).toEqual([])
    // A refusal does not depend on it.
    expect((await world.ask(legacy('tools/call', call('wipe')), { token })).outcome).toBe('200 -32602')
    expect(world.log.join('')).toContain('denial_not_recorded')
    note.mockRestore()
    expect((await world.ask(legacy('tools/call', call('write_order')), { token })).status).toBe(200)
    expect(world.upstream.methods).toEqual(['tools/call'])
  })

  it('is waited for: a call is on the disk, or with the kernel, before the server hears of it', async () => {
    const world = await startWorld()
    const { audit } = world.running.instance
    const asked: unknown[] = []
    const token = world.token('alice')
    await world.ask({ method: 'POST' }, { token })
    const original = audit.note.bind(audit)
    let release: () => void = () => undefined
    vi.spyOn(audit, 'note').mockImplementation(async (event, durability) => {
      asked.push([event.kind, event.class, durability])
      if (event.kind === 'call') await new Promise<void>((done) => (release = done))
      return original(event, durability)
    })
    for (const tool of ['read_order', 'write_order']) {
      const before = asked.length
      const answer = world.ask(legacy('tools/call', call(tool)), { token })
      await expect.poll(() => asked.length).toBe(before + 1)
      await new Promise((done) => setTimeout(done, 50))
      expect(world.upstream.seen).toHaveLength(tool === 'read_order' ? 0 : 1)
      release()
      expect((await answer).status).toBe(200)
      await expect.poll(() => asked.length).toBe(before + 2)
    }
    expect(asked.filter(([kind]: any) => kind === 'call')).toEqual([
      ['call', 'read', 'handed'],
      ['call', 'write', 'synced'],
    ])
  })
})
