import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { credential, filesBelow, openScene, orders, type Scene } from './scene.ts'

const canary = 'sp-canary-7f3a'

/** What of a token must not be seen, in every spelling that a hop could give it. Its header is the same in others. */
const traces = (token: string): readonly string[] => {
  const parts = token
    .split('.')
    .slice(1)
    .filter((part) => part.length > 16)
  const whole = [token, ...parts, canary]
  return whole.flatMap((text) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString('hex'),
    ...[0, 1, 2].map((offset) => innerBase64(text, offset)),
  ])
}

/** The part of a text's base64 that is there at whatever offset it stands in what was encoded. */
const innerBase64 = (text: string, offset: number): string =>
  Buffer.from('.'.repeat(offset) + text)
    .toString('base64')
    .slice(offset === 0 ? 0 : 4, -4)

/** What can be seen from outside, or be read on the disk. */
async function everything(scene: Scene, answers: readonly unknown[]): Promise<Record<string, string>> {
  const { running, downstream, log, idp } = scene
  const files = filesBelow(running.folder).filter((name) => !name.endsWith('sallyport.yaml'))
  return {
    downstream: downstream.text,
    log: log.join(''),
    answers: JSON.stringify(answers),
    metrics: await (await fetch(`${running.telemetry}/metrics`)).text(),
    'requests to the provider': idp.requests.join('\n'),
    ...Object.fromEntries(files.map((name) => [name, readFileSync(name, 'latin1')])),
  }
}

const exchanged = ({ downstream }: { downstream: string }) => `
  stock:
    url: "${downstream}"
    resource: https://stock.example
    exchange: { audience: stock-api }
    operations: [{ op: "GET /orders/{id}", class: read }]`

const servers = `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    audiences: ["https://crm.example"]
    accept: subject-token
    allow: [anyone]
    direct: [orders, stock]`

describe('A07 passthrough canary: the caller’s own token', () => {
  it('is found nowhere downstream, in no log, record, answer, metric or file, whatever becomes of it', async () => {
    const scene = await openScene({ downstreams: exchanged, servers })
    const { idp } = scene
    const toProvider: string[] = []
    idp.knobs.grant = async (form) => {
      toProvider.push(form['subject_token'] ?? '')
      const token = await idp.token({ aud: 'stock-api', scope: 'profile' })
      return {
        access_token: token,
        token_type: 'Bearer',
        expires_in: 300,
        issued_token_type: `${uri}access_token`,
      }
    }
    const now = Math.floor(Date.now() / 1000)
    const good = await idp.token({ canary })
    const tokens = [
      good,
      await idp.token({ canary, exp: now - 100, iat: now - 200 }),
      await idp.token({ canary, aud: `https://${canary}.example` }),
      await idp.token({ canary, iss: `https://${canary}.example` }),
      await idp.token({ canary, scope: canary, sub: `a\n${canary}` }),
      await idp.token({ canary }, { typ: canary }),
      await idp.token({ canary }, { kid: canary }),
      `${canary}.${canary}.${canary}`,
      // Parsers quote what they could not read.
      `${Buffer.from(canary).toString('base64url')}.e30.AA`,
      canary,
    ]
    const answers: unknown[] = []
    for (const token of tokens) {
      const minted = await scene.mint(token)
      // What the caller asked for is its own; the subject token is not in it either.
      const { access_token: _own, ...rest } = minted.body
      answers.push(rest, minted.headers)
      answers.push(await scene.ask(token), await scene.ask(token, orders.replace('orders/', 'stock/')))
      answers.push(await scene.ask(token, `/downstream/orders/orders/${token}`))
      answers.push(await scene.ask(token, `${orders}?access_token=${token}`))
      answers.push(await scene.ask(token, orders, { headers: ['X-Copy', token] }))
      // Beside a bearer that is right, where a credential is never the caller's to set.
      for (const name of ['Cookie', 'Proxy-Authorization', 'X-Api-Key', 'X-Auth-Token', 'Authorization']) {
        answers.push(await scene.ask(good, orders, { headers: [name, token] }))
      }
      answers.push(
        await scene.raw(`GET ${orders} HTTP/1.1\r\nAuthorization: Bearer ${token}\r\nHost: x\r\n\r\n`),
      )
    }
    expect(scene.downstream.seen.length).toBeGreaterThanOrEqual(2)
    expect(scene.downstream.text).toContain(credential)
    expect(toProvider).toEqual([good])
    await scene.running.stop()
    const places = await everything({ ...scene, running: { ...scene.running, telemetry: 'data:,' } }, answers)
    expect(Object.keys(places).some((name) => name.endsWith('.jsonl'))).toBe(true)
    for (const token of tokens) {
      for (const trace of traces(token)) {
        const found = Object.entries(places).filter(([, text]) => text.includes(trace))
        expect([trace, found.map(([name]) => name)]).toEqual([trace, []])
      }
    }
  })

  it('as a session token of ours goes no further than the egress either', async () => {
    const scene = await openScene({ downstreams: exchanged, servers })
    const minted: string = (await scene.mint(await scene.idp.token())).body['access_token']
    const answers = [
      await scene.ask(minted),
      await scene.ask(minted, orders.replace('orders/', 'stock/')),
      await scene.ask(minted, '/downstream/orders/nothing'),
      await scene.ask(minted, orders, { headers: ['X-Copy', minted] }),
      await scene.ask(minted, orders, { headers: ['Cookie', `t=${minted}`] }),
      await scene.ask(minted, orders, { headers: ['Proxy-Authorization', `Bearer ${minted}`] }),
    ]
    expect(scene.downstream.seen.length).toBeGreaterThanOrEqual(1)
    const places = await everything(scene, answers)
    const [, payload, signature] = minted.split('.')
    for (const trace of [minted, payload!, signature!]) {
      const found = Object.entries(places).filter(([, text]) => text.includes(trace))
      expect(found.map(([name]) => name)).toEqual([])
    }
  })
})

const uri = 'urn:ietf:params:oauth:token-type:'
