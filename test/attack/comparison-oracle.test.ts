import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type Answer, openScene, orders, type Scene, shapeOf } from './scene.ts'

/** Sizes of what was compared in constant time, in the order of comparing. */
const compared = vi.hoisted((): number[][] => [])
vi.mock('node:crypto', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:crypto')>()
  const timingSafeEqual: typeof real.timingSafeEqual = (one, other) => {
    compared.push([one.byteLength, other.byteLength])
    return real.timingSafeEqual(one, other)
  }
  return { ...real, timingSafeEqual, default: { ...real, timingSafeEqual } }
})
beforeEach(() => void (compared.length = 0))

const secret = 'crm secret of 256 bits, or so'
const servers = `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    resource: https://crm.example
    audiences: ["https://crm.example"]
    accept: subject-token
    client: { id: crm-client, secret: file:client }
    allow: ["user:alice", "user:bob"]
    direct: [orders]
  billing:
    url: "http://127.0.0.1:3001/mcp"
    resource: https://billing.example
    client: { id: billing-client, secret: file:client2 }
    allow: [anyone]
    direct: [ledger]`
const open = () =>
  openScene({
    servers,
    files: { client: secret, client2: 'another secret of 256 bits, or so' },
    downstreams: ({ downstream }) => `
  ledger:
    url: "${downstream}"
    resource: https://ledger.example
    static: { header: X-Api-Key, value: file:secret, per: all, owner: tests }
    operations: [{ op: "GET /entries/{id}", class: read }]`,
  })

const basic = (id: string, value: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(value)}`).toString('base64')}`,
})

/** A text right for its first characters, and wrong from there on. */
const rightFor = (text: string, length: number): string =>
  text.slice(0, length) + text.slice(length).replace(/./gs, (char) => (char === 'A' ? 'B' : 'A'))

const shapes = (answers: readonly Answer[]) => new Set(answers.map(shapeOf))

/** Every length from nothing to one character less than all of it. */
async function growing(text: string, ask: (guess: string) => Promise<Answer>): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (let length = 0; length < text.length; length++) {
    answers.push(await ask(rightFor(text, length)))
    if (length > 0) answers.push(await ask(text.slice(0, length)))
  }
  return answers
}

describe('A14 comparison oracle: a secret that is right for longer and longer', () => {
  it('as a server’s capability is answered the same until it is whole, and compared in constant time', async () => {
    const scene = await open()
    const token = await scene.idp.token()
    const value = scene.running.capability('crm')
    const ask = (guess: string) => scene.mint(token, {}, { 'sallyport-capability': guess })
    const wrong = await growing(value, ask)
    expect(shapes(wrong).size).toBe(1)
    expect(wrong[0]).toMatchObject({ status: 401, code: 'client_auth_failed' })
    // Digests of one length, and as many comparisons for each guess: one for every server.
    expect(compared).toEqual(Array.from({ length: wrong.length * 2 }, () => [32, 32]))
    compared.length = 0
    expect((await ask(value)).status).toBe(200)
    expect(compared).toEqual([
      [32, 32],
      [32, 32],
    ])
  })

  it('as a client secret is answered the same, for a client that there is and one that there is not', async () => {
    const scene = await open()
    const token = await scene.idp.token()
    const answers: Answer[] = []
    for (const id of ['crm-client', 'billing-client', 'nobody', 'constructor', 'crm']) {
      answers.push(...(await growing(secret, (guess) => scene.mint(token, {}, basic(id, guess)))))
    }
    for (const id of ['nobody', 'billing-client', 'crm-client ', 'CRM-CLIENT'])
      answers.push(await scene.mint(token, {}, basic(id, secret)))
    expect(shapes(answers).size).toBe(1)
    expect(compared).toEqual(Array.from({ length: answers.length * 2 }, () => [32, 32]))
    expect((await scene.mint(token, {}, basic('crm-client', secret))).status).toBe(200)
  })

  it('as the admin capability is answered the same, whether the page exists or not', async () => {
    const scene = await open()
    const value = scene.running.capability('admin')
    const { url } = scene.running.faces.admin
    const answers: string[] = []
    const ask = async (path: string, bearer: string) => {
      const answer = await fetch(url + path, { headers: { authorization: `Bearer ${bearer}` } })
      const { date: _date, ...headers } = Object.fromEntries(answer.headers)
      const body = (await answer.json()) as Record<string, unknown>
      answers.push(shapeOf({ status: answer.status, headers, body }))
      return answer.status
    }
    for (let length = 0; length < value.length; length += 3) {
      for (const path of ['/v1/status', '/v1/sessions/of-alice', '/v1/nothing', '/nothing']) {
        expect(await ask(path, rightFor(value, length))).toBe(401)
      }
    }
    expect(new Set(answers).size).toBe(1)
    expect(compared).toEqual(answers.map(() => [32, 32]))
    expect(await ask('/v1/status', value)).toBe(200)
  })

  it('as a session token is answered the same, whatever of its signature or key is right', async () => {
    const scene = await open()
    const minted: string = (await scene.mint(await scene.idp.token())).body['access_token']
    const [head, payload, signature] = minted.split('.') as [string, string, string]
    // The last character holds two bits that have to be zero.
    const guesses = Array.from(
      { length: signature.length - 1 },
      (_, length) => `${head}.${payload}.${rightFor(signature.slice(0, -1), length)}A`,
    )
    const header = JSON.parse(Buffer.from(head, 'base64url').toString())
    for (const kid of ['unknown', header.kid.slice(0, -1), '', undefined]) {
      const other = Buffer.from(JSON.stringify({ ...header, kid })).toString('base64url')
      guesses.push(`${other}.${payload}.${signature}`)
    }
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    for (const over of [{ sid: 'unknown' }, { sub: 'nobody' }, { aud: [] }, { exp: 1 }, {}]) {
      const other = Buffer.from(JSON.stringify({ ...claims, ...over, jti: 'x' })).toString('base64url')
      guesses.push(`${head}.${other}.${signature}`)
    }
    const answers: Answer[] = []
    for (const guess of guesses) answers.push(await scene.ask(guess))
    expect(shapes(answers).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 401, code: 'token_signature_invalid' })
    expect(scene.downstream.connections).toBe(0)
    expect((await scene.ask(minted)).status).toBe(200)
  })
})

/** The same but for the name that the caller itself asked for. */
/** With the name that the caller wrote taken out of the body and of its length. */
function withoutName(answer: Answer, name: string): string {
  const named = answer.text.split(name).length - 1
  const length = Number(answer.headers['content-length']) - named * name.length
  const headers = { ...answer.headers, 'content-length': String(length) }
  return shapeOf({ ...answer, headers }).replaceAll(name, 'NAME')
}

describe('A14 comparison oracle: unknown against known', () => {
  it('a downstream of another server is answered like one that does not exist, on any path', async () => {
    const scene = await open()
    for (const bearer of [await session(scene), await scene.idp.token()]) {
      const answers = new Set<string>()
      for (const name of ['ledger', 'nothing', 'order', 'Orders', 'constructor']) {
        for (const path of ['/entries/1', '/', '/none', '/entries/1?x=y']) {
          const answer = await scene.ask(bearer, `/downstream/${name}${path}`)
          expect(answer.status).toBe(403)
          answers.add(withoutName(answer, name))
        }
        const posted = await scene.ask(bearer, `/downstream/${name}/entries/1`, {
          method: 'POST',
          body: '{}',
        })
        answers.add(withoutName(posted, name))
      }
      expect(answers.size).toBe(1)
    }
    expect(scene.downstream.connections).toBe(0)
    const denials = scene.record().filter(({ kind }) => kind === 'denial')
    const recorded = new Set(denials.map(({ reason, details }) => `${details.place} ${reason}`))
    expect([...recorded].sort()).toEqual([
      'Orders downstream_unknown',
      'constructor downstream_unknown',
      'ledger downstream_not_granted',
      'nothing downstream_unknown',
      'order downstream_unknown',
    ])
    expect((await scene.ask(await session(scene))).status).toBe(200)
  })

  it('also while it is held, and for a session that was cut or whose person is no longer admitted', async () => {
    const scene = await open()
    const bearer = await session(scene)
    const revoke = (kind: string, id: string) =>
      scene.running.admin('POST', '/v1/revocations', { scope: { kind, id }, cause: 'test', hold: true })
    const pair = async () => {
      const [known, unknown] = [
        await scene.ask(bearer, '/downstream/ledger/entries/1'),
        await scene.ask(bearer, '/downstream/nothing/entries/1'),
      ]
      expect(withoutName(known, 'ledger')).toBe(withoutName(unknown, 'nothing'))
      return unknown.code
    }
    expect((await revoke('downstream', 'ledger')).status).toBe(200)
    expect(await pair()).toBe('downstream_not_granted')
    expect((await revoke('user', 'alice')).status).toBe(200)
    expect(await pair()).toMatch(/^(cut|held)$/)
  })

  it('introspection says the same of a stranger’s token, a cut one and one of another server', async () => {
    const scene = await open()
    const minted = await session(scene)
    const ask = (token: string, server = 'crm') => post(scene, '/oauth2/introspect', token, server)
    expect((await ask(minted)).body['active']).toBe(true)
    const answers = [
      await ask('x.y.z'),
      await ask('nothing'),
      await ask(await scene.idp.token()),
      await ask(minted, 'billing'),
      await ask(`${minted.slice(0, -10)}AAAAAAAAAA`),
    ]
    await scene.running.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: 'alice' },
      cause: 'test',
    })
    answers.push(await ask(minted))
    expect(shapes(answers).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 200, body: { active: false } })
  })

  it('revocation says the same of a token of another server as of none, and cuts nothing', async () => {
    const scene = await open()
    const minted = await session(scene)
    const answers = [
      await post(scene, '/oauth2/revoke', minted, 'billing'),
      await post(scene, '/oauth2/revoke', 'x.y.z', 'billing'),
      await post(scene, '/oauth2/revoke', await scene.idp.token(), 'crm'),
    ]
    expect((await scene.ask(minted)).status).toBe(200)
    answers.push(await post(scene, '/oauth2/revoke', minted, 'crm'))
    expect(shapes(answers).size).toBe(1)
    expect((await scene.ask(minted)).status).toBe(401)
  })

  it('a person who may not come in is told the same, whoever it is', async () => {
    const scene = await open()
    const atEndpoint = async (sub: string) => shapeOf(await scene.mint(await scene.idp.token({ sub })))
    const onEgress = async (sub: string) => shapeOf(await scene.ask(await scene.idp.token({ sub }), orders))
    for (const sub of ['nobody', 'Alice', 'alic', 'alice2']) {
      expect(await atEndpoint(sub)).toBe(await atEndpoint('mallory'))
      expect(await onEgress(sub)).toBe(await onEgress('mallory'))
    }
    expect((await scene.ask(await scene.idp.token({ sub: 'bob' }))).status).toBe(200)
  })
})

async function session(scene: Scene): Promise<string> {
  return String((await scene.mint(await scene.idp.token())).body['access_token'])
}

async function post(scene: Scene, path: string, token: string, server: string): Promise<Answer> {
  const answer = await fetch(scene.running.egress + path, {
    method: 'POST',
    headers: { 'sallyport-capability': scene.running.capability(server) },
    body: new URLSearchParams({ token }),
  })
  const text = await answer.text()
  const { date: _date, ...headers } = Object.fromEntries(answer.headers)
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  return { status: answer.status, headers, text, body, code: '' }
}
