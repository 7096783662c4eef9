/**
 * The main job, end to end, on one machine: a credential is refused, earned, used without being seen, and taken away.
 * `npm run demo`; with `--once` (or without a terminal) it exits by itself; with `--json` its last line is one object.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createWorld } from './world.ts'
import { createSteps, must } from './steps.ts'
import { pause } from './processes.ts'
import { findSecrets } from './search.ts'

const { values: flags } = parseArgs({ options: { once: { type: 'boolean' }, json: { type: 'boolean' } } })
const json = flags.json === true
const stay = flags.once !== true && process.stdout.isTTY
const say = (text: string) => void (json ? process.stderr : process.stdout).write(text)
const steps = createSteps(say, process.stdout.isTTY && !json)
const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'))
const world = createWorld(folder)

async function refusedAndAllowed(): Promise<void> {
  await steps.run('Without a session the egress refuses', async () => {
    const bare = await fetch(`${world.egress()}/downstream/orders/orders`)
    must(bare.status === 401, `expected 401, saw ${bare.status}`)
    const { code } = (await bare.json()) as { code: string }
    return `401 ${code}; nothing was sent to the API (${world.api().seen.length} requests seen)`
  })
  await steps.run("The person's own token does not open the API either", async () => {
    const direct = await fetch(`${world.api().url}/orders`, {
      headers: { authorization: `Bearer ${world.personToken()}` },
    })
    must(direct.status === 401, `expected 401, saw ${direct.status}`)
    return 'the API accepts tokens of its own audience only: 401'
  })
  await steps.run('With a session a tool call goes through', async () => {
    const answer = await world.call('list_orders')
    must(!answer.isError && answer.text.includes('"owner":"alice"'), answer.text)
    const seen = world.api().seen.at(-1)
    must(seen?.sub === 'alice' && seen.aud === 'orders-api', 'the API saw somebody else')
    return `the API saw sub=${seen?.sub} aud=${seen?.aud}: the person's own, audience-restricted token`
  })
  await steps.run('A tool that tries to write is refused at the credential', async () => {
    const before = world.api().seen.length
    const answer = await world.call('delete_order')
    must(answer.isError && answer.text.startsWith('403'), answer.text)
    must(world.api().seen.length === before, 'the request reached the API')
    return `403 ${/"code":"(\w+)"/.exec(answer.text)?.[1] ?? ''}; the API saw nothing of it`
  })
}

async function searched(): Promise<void> {
  await steps.run('Nobody but the broker has seen the credential', async () => {
    const secrets = world.credentials()
    must(secrets.length > 0, 'no downstream credential was issued, so there is nothing to search for')
    must(
      findSecrets(secrets, [{ name: 'control', bytes: Buffer.from(`x${secrets[0] ?? ''}x`) }]).length > 0,
      'the search finds nothing at all',
    )
    const haystacks = await world.haystacks()
    const found = findSecrets(secrets, haystacks)
    must(found.length === 0, found.join('; '))
    const size = haystacks.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return `${secrets.length} credential(s), 7 forms each, searched in ${haystacks.map(({ name }) => name).join(', ')} (${(size / 1e6).toFixed(0)} MB): 0 found`
  })
}

async function revoked(): Promise<void> {
  let stream: Promise<{ text: string }> | undefined
  let endedAt = 0
  await steps.run('A stream is opened and runs', async () => {
    const before = world.api().seen.length
    stream = world.call('watch_orders')
    stream.then(() => (endedAt = performance.now())).catch(() => undefined)
    while (world.api().seen.length === before) await pause(20)
    await pause(350)
    must(endedAt === 0, 'the stream ended by itself')
    return 'the tool follows the API’s events'
  })
  let revokedAt = 0
  await steps.run('One call revokes the person', async () => {
    const startedAt = performance.now()
    const { receipt } = await world.revoke('alice')
    revokedAt = performance.now()
    must(receipt.status === 'complete', `the answer was ${receipt.status}`)
    const [self] = receipt.replicas
    return `complete in ${Math.round(revokedAt - startedAt)} ms with a signed receipt: entry ${receipt.seq}, ${self?.sessions} session(s) and ${self?.calls} call(s) ended`
  })
  await steps.run('The open stream has ended', async () => {
    const { text } = (await Promise.race([stream, pause(5000)])) ?? { text: 'still open after 5 s' }
    must(endedAt > 0, text)
    return `${text}; ${Math.max(0, Math.round(endedAt - revokedAt))} ms after the answer`
  })
  await steps.run('The next call is refused', async () => {
    const before = world.api().seen.length
    const answer = await world.call('list_orders')
    must(answer.isError, answer.text)
    must(world.api().seen.length === before, 'the request reached the API')
    return answer.text.slice(0, 100)
  })
}

async function recorded(): Promise<void> {
  const records = join(folder, 'data', 'records')
  await steps.run('The record verifies', async () => {
    const { code, text } = await world.cli('audit', 'verify', '--data', join(folder, 'data'))
    must(code === 0, text)
    return text.trim().split('\n').at(-1) ?? ''
  })
  await steps.run('A tampered copy does not', async () => {
    const copy = join(folder, 'tampered')
    mkdirSync(copy, { recursive: true })
    cpSync(records, join(copy, 'records'), { recursive: true })
    const [file = ''] = readdirSync(join(copy, 'records'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.jsonl'),
    )
    const path = join(copy, 'records', file)
    writeFileSync(path, readFileSync(path, 'utf8').replace('"DELETE"', '"GET"'))
    const { code, text } = await world.cli('audit', 'verify', '--records', join(copy, 'records'))
    must(code === 1, `exit code ${code}: ${text}`)
    return (
      text
        .split('\n')
        .find((line) => line.startsWith('problem'))
        ?.replace(/^problem\s+/, '') ?? ''
    )
  })
}

async function play(): Promise<void> {
  say(`\nAll of it still runs. Try, in another terminal:\n${world.hints()}\nCtrl-C ends it.\n`)
  await new Promise<void>((resolve) => process.once('SIGINT', resolve))
}

let ok = false
try {
  for (const [name, start] of world.starts()) await steps.run(name, start)
  await refusedAndAllowed()
  await searched()
  await revoked()
  await recorded()
  ok = true
  if (stay) await play()
} catch {
  process.exitCode = 1
} finally {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
  if (json) process.stdout.write(`${JSON.stringify({ ok, steps: steps.done })}\n`)
  else say(ok ? '\nDone.\n' : '\nFailed.\n')
}
