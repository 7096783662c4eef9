import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callAdmin } from '../../src/console/index.ts'
import { epoch, millis } from '../../src/model/index.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { startIdp } from '../kit/idp.ts'
import { configuration, freePorts, mint, type Ports } from '../kit/instance.ts'
import { startUpstream } from '../kit/upstream.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const clock = { now: () => epoch(Date.now() / 1000), monotonic: () => millis(performance.now()) }

interface Process {
  readonly child: ChildProcess
  admin(method: 'GET' | 'POST', path: string, body?: unknown): ReturnType<typeof callAdmin>
}

/** The program itself, in a process that can be killed. */
async function start(folder: string, ports: Ports): Promise<Process> {
  const child = spawn(process.execPath, [cli, 'single', '--config', join(folder, 'sallyport.yaml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  while (!said.includes('\nready\n')) {
    if (child.exitCode !== null) throw new Error(said)
    await Promise.race([once(child.stderr, 'data'), once(child, 'exit')])
  }
  return {
    child,
    admin: (method, path, body) =>
      callAdmin(
        {
          url: `http://127.0.0.1:${ports.admin}`,
          capability: readFileSync(join(folder, 'data/run/admin.cap'), 'utf8').trim(),
        },
        { method, path, body },
      ),
  }
}

async function kill({ child }: Process): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

describe('a revocation whose process is killed', () => {
  it('is either not there, or stands and is finished by the next start, at whichever point the kill comes', {
    timeout: 120_000,
  }, async () => {
    const idp = await startIdp({ clock })
    onTestFinished(() => idp.close())
    const api = await startUpstream((_request, response) => void response.end('{}'))
    const folder = temporaryFolder()
    const ports = await freePorts()
    writeFileSync(join(folder, 'key'), 'thirty-two bytes or more of a key file', { mode: 0o600 })
    const config = `login: { issuer: "${idp.issuer}" }
key: file:key
servers:
  crm: { url: "http://127.0.0.1:3000/mcp", resource: "https://crm.example", allow: [anyone], direct: [legacy] }
downstreams:
  legacy:
    url: ${api.url}
    static: { header: X-Api-Key, per: user }
    operations: [{ op: "GET /me", class: read }]
`
    writeFileSync(join(folder, 'sallyport.yaml'), configuration(ports, config))
    const running = {
      egress: `http://127.0.0.1:${ports.egress}`,
      capability: () => readFileSync(join(folder, 'data/run/crm.cap'), 'utf8').trim(),
    }
    const outcomes = { answered: 0, standing: 0, absent: 0 }

    let process = await start(folder, ports)
    // Nothing, then less and more time than a revocation takes: the commit, the fence and the destruction lie between.
    for (const [round, delay] of [0, 2, 5, 9, 14, 20, 30, 60].entries()) {
      const user = `person-${round}`
      const connected = await process.admin('POST', '/v1/connections', {
        downstream: 'legacy',
        user,
        value: `key of ${user}`,
      })
      expect(connected.status).toBe(200)
      const subject = await idp.token({ sub: user, aud: 'https://crm.example' })
      const order = { id: `revocation-${round}`, scope: { kind: 'user', id: user }, cause: 'killed' }
      const answer = process.admin('POST', '/v1/revocations', order).then(
        ({ status }) => status,
        () => undefined,
      )
      await new Promise((resolve) => setTimeout(resolve, delay))
      await kill(process)
      const answered = await answer
      process = await start(folder, ports)

      const holds = JSON.stringify((await process.admin('GET', '/v1/holds')).body)
      const stands = holds.includes(`"${user}"`)
      if (answered === 200) expect(stands, 'an answered revocation is gone').toBe(true)
      const minted = await mint(running, 'crm', subject)
      if (stands) {
        expect(minted.body['code']).toBe('held')
        await expect
          .poll(
            async () => {
              const { body } = await process.admin('GET', '/v1/connections')
              const rows = body['connections'] as {
                place: { principal: { subject: string } }
                status: string
              }[]
              return rows.find(({ place }) => place.principal.subject === user)?.status
            },
            { timeout: 5000 },
          )
          .toBe('destroyed')
        outcomes[answered === 200 ? 'answered' : 'standing'] += 1
      } else {
        const used = await fetch(`${running.egress}/downstream/legacy/me`, {
          headers: { authorization: `Bearer ${minted.token}` },
        })
        expect(used.status, 'a connection that was not revoked is half gone').toBe(200)
        outcomes.absent += 1
      }
      const repeated = await process.admin('POST', '/v1/revocations', order)
      expect(repeated.body['status']).toBe('complete')
    }
    expect(outcomes.answered + outcomes.standing + outcomes.absent).toBe(8)
    await kill(process)
  })
})
