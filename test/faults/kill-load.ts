/** Kills the program while reads, writes and connects are under way, and looks at what is left. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { allLines } from '../audit/record-kit.ts'
import type { Idp } from '../kit/idp.ts'
import { freePorts, mint } from '../kit/instance.ts'
import { type Hostile, ok } from './hostile.ts'
import { type Program, type ProgramOptions, startProgram } from './program.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const resource = 'https://crm.example'
const workers = 8
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

export interface KillPlan {
  readonly folder: string
  readonly files: Readonly<Record<string, string>>
  /** Lines of configuration besides. */
  readonly more: string
  readonly idp: Idp
  readonly api: Hostile
  readonly kills: number
}

const planned = (plan: Pick<KillPlan, 'idp' | 'api' | 'more'>): string => `tenant: acme
log: { level: error }
login: { issuer: "${plan.idp.issuer}" }
key: file:key
${plan.more}
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "${resource}", allow: [anyone], direct: [api, "api PUT /uploads/{id}", mine] }
downstreams:
  api: { url: "${plan.api.url}", static: { header: X-Key, value: file:shared, per: all, owner: crm }, operations: [{ op: "GET /orders/{id}", class: read }, { op: "PUT /uploads/{id}", class: write }] }
  mine: { url: "${plan.api.url}", resource: "https://mine.example", static: { header: X-Key, per: user }, operations: [{ op: "GET /me", class: read }] }
`

/** What callers were told before the process died. */
interface Told {
  readonly requests: string[]
  readonly connects: Map<string, 'answered' | 'unanswered'>
}

const sessionOf = async (program: Program, idp: Idp, user: string): Promise<string> =>
  (await mint(program, 'crm', await idp.token({ sub: user, aud: resource }))).token

/** Asks until the process is gone. */
async function load(program: Program, plan: KillPlan, round: number): Promise<Told> {
  const told: Told = { requests: [], connects: new Map() }
  const token = await sessionOf(program, plan.idp, 'alice')
  const headers = { authorization: `Bearer ${token}` }
  const ask = async (path: string, method: string) => {
    const body = method === 'PUT' ? { body: 'x' } : {}
    const answer = await fetch(`${program.egress}/downstream/api${path}`, { method, headers, ...body })
    await answer.text()
    expect(answer.status).toBe(200)
    told.requests.push(String(answer.headers.get('sallyport-request-id')))
  }
  const connect = async (user: string) => {
    told.connects.set(user, 'unanswered')
    const { status } = await program.admin('POST', '/v1/connections', {
      downstream: 'mine',
      user,
      value: `key-of-${user}`,
    })
    expect(status).toBe(200)
    told.connects.set(user, 'answered')
  }
  const worker = async (number: number) => {
    for (let turn = 0; ; turn += 1) {
      const name = `${round}-${number}-${turn}`
      try {
        if (number === 0) await connect(name)
        else if (number < 4) await ask(`/uploads/${name}`, 'PUT')
        else await ask(`/orders/${name}`, 'GET')
      } catch (error) {
        if (error instanceof Error && error.name === 'AssertionError') throw error
        return
      }
    }
  }
  const working = Promise.all(Array.from({ length: workers }, (_, number) => worker(number)))
  const enough = 20 + 40 * Math.random()
  await expect
    .poll(() => told.requests.length > enough && told.connects.size > 2, { timeout: 20_000, interval: 5 })
    .toBe(true)
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 200))
  await program.kill()
  await working
  return told
}

/** Every answer has its intent, and all but those of the very last moment their outcome. */
function checkRecord(plan: KillPlan, told: Told): void {
  const lines = allLines(join(plan.folder, 'data/records'))
  const intents = new Set(lines.filter(({ kind }) => kind === 'intent').map(({ request }) => request))
  const paths = new Set(lines.filter(({ kind }) => kind === 'intent').map(({ path }) => path))
  const outcomes = new Set(lines.filter(({ kind }) => kind === 'outcome').map(({ request }) => request))
  expect(told.requests.filter((id) => !intents.has(id))).toEqual([])
  expect(told.requests.filter((id) => !outcomes.has(id)).length).toBeLessThanOrEqual(workers)
  expect(plan.api.heard.map(({ path }) => path).filter((path) => !paths.has(path))).toEqual([])
}

/** A connection is there and works, or is not there: nothing in between. */
async function checkConnections(program: Program, plan: KillPlan, told: Told): Promise<number> {
  const { body } = await program.admin('GET', '/v1/connections')
  const rows = body['connections'] as { place: { principal: { subject: string } }; status: string }[]
  expect(rows.filter(({ status }) => status !== 'active' && status !== 'destroyed')).toEqual([])
  for (const [user, answer] of told.connects) {
    const there = rows.some(({ place, status }) => place.principal.subject === user && status === 'active')
    if (answer === 'answered') expect([user, there]).toEqual([user, true])
  }
  const last = [...told.connects].slice(-3)
  for (const [user] of last) {
    const there = rows.some(({ place, status }) => place.principal.subject === user && status === 'active')
    const token = await sessionOf(program, plan.idp, user)
    const answer = await fetch(`${program.egress}/downstream/mine/me`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect([user, there, answer.status]).toEqual([user, there, there ? 200 : 424])
    if (there) expect(await answer.text()).toBe(digest(`key-of-${user}`))
  }
  return told.connects.size
}

const verify = (folder: string) =>
  promisify(execFile)(process.execPath, [
    cli,
    'audit',
    'verify',
    '--config',
    join(folder, 'sallyport.yaml'),
    '--json',
  ])

export async function killUnderLoad(plan: KillPlan): Promise<{ requests: number; connects: number }> {
  plan.api.behave = ({ socket, head, path }) => {
    // Not the key itself: an answer that shows it would be withheld.
    socket.write(ok(path === '/me' ? digest(/\r\nx-key: (.*?)\r\n/i.exec(head)?.[1] ?? '') : '{}'))
  }
  const ports = await freePorts()
  const options: ProgramOptions = {
    form: 'single',
    folder: plan.folder,
    files: plan.files,
    config: planned(plan),
    ports,
  }
  const sums = { requests: 0, connects: 0 }
  let program = await startProgram(options)
  for (let round = 0; round < plan.kills; round += 1) {
    const told = await load(program, plan, round)
    expect(JSON.parse((await verify(plan.folder)).stdout)).toMatchObject({ ok: true, problems: [] })
    checkRecord(plan, told)
    program = await startProgram(options)
    sums.connects += await checkConnections(program, plan, told)
    sums.requests += told.requests.length
  }
  await program.kill()
  return sums
}
