import { setTimeout as wait } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { fine } from '../kit/raw.ts'
import { header, type WireMessage } from '../kit/wire.ts'
import { type Bank, chunked, codeOf, get, post, startBank, statusOf } from './bank.ts'
import { startKept } from './kept.ts'

const refusal = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n'
const personIn = (request: WireMessage) =>
  decodeJwt(header(request, 'authorization')[0]!.replace('Bearer ', '')).sub

let bank: Bank
beforeEach(async () => {
  bank = await startBank()
})

describe('A49 refresh storm: a 401 costs each call one refresh and one repetition, and nobody else anything', {
  timeout: 30_000,
}, () => {
  it('of a downstream that refuses everything is not made worse by us', async () => {
    const { idp, api } = bank
    const alice = await bank.session('alice')
    api.answer = () => refusal
    const answers = await Promise.all(Array.from({ length: 12 }, () => bank.ask(alice, get('/a/things/1'))))
    expect(answers.map(statusOf)).toEqual(answers.map(() => 502))
    expect(new Set(answers.map(codeOf))).toEqual(new Set(['credential_refused']))
    expect(api.requests.length).toBeLessThanOrEqual(24)
    // The credential itself, and one in its place: what is refused again at once is not stale.
    expect(idp.exchanges).toHaveLength(2)
  })

  it('is answered by one exchange where many meet it at once', async () => {
    const { idp, api } = bank
    const alice = await bank.session('alice')
    await bank.ask(alice, get('/a/things/0'))
    const [first] = api.requests.map((it) => header(it, 'authorization')[0])
    const held: (() => void)[] = []
    api.answer = (request, socket) => {
      if (header(request, 'authorization')[0] !== first) return fine()
      held.push(() => socket.write(refusal))
      if (held.length === 8) for (const release of held) release()
      return undefined
    }
    const answers = await Promise.all(Array.from({ length: 8 }, () => bank.ask(alice, get('/a/things/1'))))
    expect(answers.map(statusOf)).toEqual(answers.map(() => 200))
    expect(api.requests).toHaveLength(1 + 16)
    expect(idp.exchanges).toHaveLength(2)
  })

  it('repeats a request once, as it was, and only one whose body is there', async () => {
    const { api } = bank
    const alice = await bank.session('alice')
    let refused = 0
    api.answer = () => {
      refused += 1
      return refused % 2 === 1 ? refusal : fine()
    }
    expect(statusOf(await bank.ask(alice, post('/a/things/1', '{"n":1}')))).toBe(200)
    expect(api.requests.map(({ start, body }) => [start, body.toString()])).toEqual([
      ['POST /a/things/1 HTTP/1.1', '{"n":1}'],
      ['POST /a/things/1 HTTP/1.1', '{"n":1}'],
    ])
    const streamed = await bank.ask(alice, chunked('/a/things/2'))
    expect([statusOf(streamed), codeOf(streamed)]).toEqual([502, 'credential_refused_not_repeated'])
    expect(api.requests).toHaveLength(3)
  })

  it('of one person leaves the others their credentials', async () => {
    const { idp, api } = bank
    const [alice, bob] = [await bank.session('alice'), await bank.session('bob')]
    await bank.ask(bob, get('/a/things/1'))
    api.answer = (request) => (personIn(request) === 'alice' ? refusal : fine())
    for (let round = 0; round < 3; round += 1) {
      expect(statusOf(await bank.ask(alice, get('/a/things/1')))).toBe(502)
      expect(statusOf(await bank.ask(bob, get('/a/things/1')))).toBe(200)
    }
    const bobs = idp.exchanges.filter((form) => decodeJwt(form.get('subject_token')!).sub === 'bob')
    expect(bobs).toHaveLength(1)
  })
})

describe('A49 refresh storm: nothing is kept from one person for another', { timeout: 30_000 }, () => {
  it('no answer, whatever it says of caches: each request is sent, with each status', async () => {
    const { api } = bank
    const people = [await bank.session('alice'), await bank.session('bob')]
    const lines =
      'Cache-Control: public, max-age=3600\r\nETag: "1"\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n'
    for (const status of ['200 OK', '203 Fine', '301 Moved', '403 No', '404 None', '410 Gone', '500 Error']) {
      api.answer = (request) =>
        fine(JSON.stringify({ for: personIn(request) })).replace('200 OK\r\n', `${status}\r\n${lines}`)
      for (const [at, token] of [...people, ...people].entries()) {
        const answer = await bank.ask(token, get('/a/things/1'))
        expect([statusOf(answer), answer.body.toString()]).toEqual([
          Number(status.slice(0, 3)),
          `{"for":"${at % 2 === 0 ? 'alice' : 'bob'}"}`,
        ])
      }
    }
    expect(api.requests).toHaveLength(7 * 4)
  })

  it('no refusal of the provider', async () => {
    const { idp } = bank
    const [alice, bob] = [await bank.session('alice'), await bank.session('bob')]
    idp.answer = (body, form) => (decodeJwt(form.get('subject_token')!).sub === 'alice' ? undefined : body)
    for (let round = 0; round < 2; round += 1) {
      expect(statusOf(await bank.ask(alice, get('/a/things/1')))).toBe(401)
      expect(statusOf(await bank.ask(bob, get('/a/things/1')))).toBe(200)
    }
    idp.answer = (body) => body
    expect(statusOf(await bank.ask(alice, get('/a/things/1')))).toBe(200)
  })

  it('no missing connection: whoever connects has it at once, and the other still has none', async () => {
    const { api } = bank
    const [alice, bob] = [await bank.session('alice'), await bank.session('bob')]
    for (const token of [alice, bob])
      expect(codeOf(await bank.ask(token, get('/own/things/1')))).toBe('connect_required')
    await bank.connect('bob', 'own-of-bob')
    expect(statusOf(await bank.ask(bob, get('/own/things/1')))).toBe(200)
    expect(codeOf(await bank.ask(alice, get('/own/things/1')))).toBe('connect_required')
    await bank.connect('alice', 'own-of-alice')
    expect(statusOf(await bank.ask(alice, get('/own/things/1')))).toBe(200)
    expect(api.requests.map((it) => header(it, 'authorization'))).toEqual([
      ['Bearer own-of-bob'],
      ['Bearer own-of-alice'],
    ])
  })

  it('no refusal of ours, which says so', async () => {
    const alice = await bank.session('alice')
    for (const [token, request] of [
      [undefined, get('/a/things/1')],
      [`${alice}x`, get('/a/things/1')],
      [alice, get('/a/nothing')],
      [alice, get('/own/things/1')],
      [alice, get('/nothing/things/1')],
    ] as const) {
      const answer = await bank.ask(token, request)
      expect(statusOf(answer)).toBeGreaterThanOrEqual(400)
      expect(header(answer, 'cache-control')).toEqual(['no-store'])
    }
  })
})

describe('A49 refresh storm: of grants that are kept', { timeout: 30_000 }, () => {
  it('a downstream that refuses everything costs one refresh', async () => {
    const { as, api, ...kept } = await startKept()
    const alice = await kept.session('alice')
    api.answer = () => 401
    const answers = await Promise.all(Array.from({ length: 12 }, () => kept.ask(alice)))
    expect(answers).toEqual(answers.map(() => ({ status: 502, code: 'credential_refused' })))
    expect(await kept.ask(alice)).toEqual({ status: 502, code: 'credential_refused' })
    expect(as.outcomes('alice')).toEqual(['issued', 'rotated'])
    expect(api.seen.length).toBeLessThanOrEqual(26)
  })

  it('a provider that fails for one person is asked less and less, and for the others as ever', async () => {
    const { as, ...kept } = await startKept()
    as.life = 2
    const [alice, bob] = [await kept.session('alice'), await kept.session('bob')]
    for (const token of [alice, bob]) expect((await kept.ask(token)).status).toBe(200)
    await wait(2100)
    as.fate = ({ grant, subject }) =>
      grant === 'refresh_token' && subject === 'alice' ? { status: 500 } : 'answer'
    for (let turn = 0; turn < 10; turn += 1)
      expect(await kept.ask(alice)).toEqual({ status: 502, code: 'exchange_unavailable' })
    expect(as.refreshes('alice')).toBeLessThanOrEqual(6)
    expect(await kept.ask(bob)).toEqual({ status: 200, code: undefined })
    expect(as.refreshes('bob')).toBe(1)
  })
})
