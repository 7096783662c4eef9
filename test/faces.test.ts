import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { epoch } from '../src/model/index.ts'
import { temporaryFolder } from './kit/folder.ts'
import { freePorts, type Running, startInstance } from './kit/instance.ts'

interface Answer {
  readonly status: number
  readonly body: string
}

/** A request with headers that `fetch` would not let through. */
function raw(url: string, headers: Readonly<Record<string, string>>, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

const start = (): Promise<Running> => startInstance({ form: 'dev', config: () => 'allow: [anyone]\n' })

describe('every face', () => {
  it('refuses a Host that does not name it and every browser Origin, before anything else', async () => {
    const running = await start()
    const pages = [
      `${running.egress}/oauth2/jwks`,
      `${running.egress}/downstream/x/y`,
      `${running.faces.admin.url}/v1/status`,
      `${running.telemetry}/readyz`,
      `${running.telemetry}/nothing-here`,
    ]
    for (const page of pages) {
      const rebound = await raw(page, { host: 'evil.example' })
      expect([rebound.status, page]).toEqual([421, page])
      const fromBrowser = await raw(page, { origin: 'https://evil.example' })
      expect([fromBrowser.status, page]).toEqual([403, page])
    }
  })

  it('answers what is not there as a problem with a code and a request id (RFC 9457)', async () => {
    const running = await start()
    const { status, body } = await raw(`${running.egress}/nowhere`, {})
    expect(status).toBe(404)
    expect(JSON.parse(body)).toMatchObject({ code: 'not_found', request_id: expect.any(String) })
  })
})

describe('a start', () => {
  it('forgets the sign-ins that have ended meanwhile, and keeps the others', async () => {
    const folder = temporaryFolder()
    const form = {
      form: 'single',
      folder,
      ports: await freePorts(),
      files: { key: 'a key of thirty-two bytes or more' },
    } as const
    const config = () => 'login: { issuer: "http://127.0.0.1:9" }\nkey: file:key\nallow: [anyone]\n'
    const first = await startInstance({ ...form, config })
    const { sessions } = first.instance.state
    const principal = { kind: 'user', tenant: 'default', issuer: 'i', subject: 'alice' } as const
    const session = {
      principal,
      client: 'c',
      server: 'main',
      authTime: epoch(1),
      groups: [],
      groupsComplete: true,
      rev: 1,
    }
    await sessions.put({ ...session, sid: 'ended' }, epoch(2))
    await sessions.put({ ...session, sid: 'lives' }, epoch(4_000_000_000))
    await first.stop()
    const second = await startInstance({ ...form, config })
    expect(await second.instance.state.sessions.get('default', 'ended')).toBeUndefined()
    expect(await second.instance.state.sessions.get('default', 'lives')).toBeDefined()
  })
})

describe('the telemetry face', () => {
  it('tells that it lives, has started and is ready, and measures without naming anybody', async () => {
    const running = await start()
    for (const page of ['livez', 'startupz', 'readyz']) {
      expect([(await fetch(`${running.telemetry}/${page}`)).status, page]).toEqual([200, page])
    }
    const metrics = await (await fetch(`${running.telemetry}/metrics`)).text()
    expect(metrics).toContain('sallyport_egress_requests_total')
    running.instance.health.stopping()
    expect((await fetch(`${running.telemetry}/readyz`)).status).toBe(503)
    expect((await fetch(`${running.telemetry}/livez`)).status).toBe(200)
  })
})

describe('the admin face', () => {
  it('opens to the admin capability and to no server’s', async () => {
    const { faces, instance, capability } = await start()
    const page = `${faces.admin.url}/v1/status`
    const [server] = instance.config.servers
    for (const value of ['', 'Bearer wrong', `Bearer ${capability(server?.name ?? '')}`]) {
      const { status, body } = await raw(page, value === '' ? {} : { authorization: value })
      expect([status, JSON.parse(body)]).toMatchObject([401, { code: 'admin_auth_failed' }])
    }
    expect((await raw(page, { authorization: `Bearer ${capability('admin')}` })).status).toBe(200)
  })

  it('names the field that is wrong, does not repeat it, and does nothing', async () => {
    const running = await start()
    const { status, body } = await running.admin('POST', '/v1/revocations', {
      scope: { kind: 'everything-of-eve' },
      cause: 'x',
    })
    expect([status, body]).toMatchObject([400, { code: 'request_malformed', field: 'body.scope.kind' }])
    expect(JSON.stringify(body)).not.toContain('eve')
    expect((await running.admin('GET', '/v1/status')).body).toMatchObject({ log: { seq: 1 } })
  })
})
