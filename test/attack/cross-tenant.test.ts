import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { mint } from '../kit/instance.ts'

import { header, type WireMessage } from '../kit/wire.ts'
import { type Bank, codeOf, get, post, startBank, statusOf } from './bank.ts'

let bank: Bank
beforeEach(async () => {
  bank = await startBank()
})
const credentials = () => bank.api.requests.map((it) => header(it, 'authorization'))
const personIn = (request: WireMessage) =>
  decodeJwt(header(request, 'authorization')[0]!.replace('Bearer ', '')).sub

describe('A50 cross-tenant: what is another’s cannot be named', { timeout: 30_000 }, () => {
  it('gives a person’s connection to nobody else, whatever he has connected himself', async () => {
    await bank.connect('alice', 'own-of-alice')
    const [alice, bob] = [await bank.session('alice'), await bank.session('bob')]
    await bank.ask(alice, get('/own/things/1'))
    const answer = await bank.ask(bob, get('/own/things/1'))
    expect([statusOf(answer), codeOf(answer)]).toEqual([424, 'connect_required'])
    await bank.connect('bob', 'own-of-bob')
    await bank.ask(bob, get('/own/things/1'))
    await bank.ask(alice, get('/own/things/1'))
    expect(credentials()).toEqual([['Bearer own-of-alice'], ['Bearer own-of-bob'], ['Bearer own-of-alice']])
  })

  it('takes no name of a connection: not in the path, the query, a header or a body', async () => {
    await bank.connect('alice', 'own-of-alice')
    await bank.connect('bob', 'own-of-bob')
    const listed = (await bank.running.admin('GET', '/v1/connections?user=alice')).body
    const all = JSON.stringify(listed)
    const ids = [...all.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id!)
    expect(ids.length, all).toBeGreaterThan(0)
    const bob = await bank.session('bob')
    for (const id of [...ids, 'alice', 'own-of-alice']) {
      const name = encodeURIComponent(id)
      for (const path of [
        `/${name}/things/1`,
        `/own/${name}/things/1`,
        `/own:${name}/things/1`,
        `/own@${name}/things/1`,
      ])
        expect([400, 403, 404]).toContain(statusOf(await bank.ask(bob, get(path))))
      const lines = [
        'X-Connection-Id',
        'Sallyport-Connection',
        'X-User',
        'X-Forwarded-User',
        'X-On-Behalf-Of',
      ]
      await bank.ask(
        bob,
        get(`/own/things/1?connection=${name}&user=alice`, lines.map((it) => `${it}: ${id}\r\n`).join('')),
      )
    }
    expect(new Set(credentials().flat())).toEqual(new Set(['Bearer own-of-bob']))
  })

  it('keeps what is connected at one server from the same person at another', async () => {
    await bank.connect('alice', 'own-of-alice-at-crm', 'crm')
    const answer = await bank.ask(await bank.session('alice', 'hr'), get('/own/things/1'))
    expect(codeOf(answer)).toBe('connect_required')
    await bank.connect('alice', 'own-of-alice-at-hr', 'hr')
    await bank.ask(await bank.session('alice', 'hr'), get('/own/things/1'))
    await bank.ask(await bank.session('alice', 'crm'), get('/own/things/1'))
    expect(credentials()).toEqual([['Bearer own-of-alice-at-hr'], ['Bearer own-of-alice-at-crm']])
  })

  it('keeps a server’s downstreams from the sessions of another', async () => {
    const crm = await bank.session('alice', 'crm')
    for (const request of [get('/payroll/things/1'), post('/payroll/things/1')])
      expect([403, 404]).toContain(statusOf(await bank.ask(crm, request)))
    const hr = await bank.session('alice', 'hr')
    expect([403, 404]).toContain(statusOf(await bank.ask(hr, get('/b/things/1'))))
    expect(statusOf(await bank.ask(hr, get('/payroll/things/1')))).toBe(200)
    expect(credentials()).toEqual([['Bearer key-of-payroll']])
  })

  it('keeps a session to the downstreams that it was asked for', async () => {
    const only = await bank.session('alice', 'crm', { audience: 'a' })
    const answer = await bank.ask(only, get('/b/things/1'))
    expect([statusOf(answer), codeOf(answer)]).toEqual([403, 'downstream_not_granted'])
    expect(statusOf(await bank.ask(only, get('/a/things/1')))).toBe(200)
  })

  it('mints no session at a server that the person’s token is not for, nor by another server’s capability', async () => {
    const { running } = bank
    const forCrm = await bank.subject('alice', 'crm')
    expect((await mint(running, 'hr', forCrm)).status).toBe(400)
    const session = await bank.session('alice', 'crm')
    for (const server of ['crm', 'hr'] as const)
      expect((await mint(running, server, session)).status).toBe(400)
    for (const audience of ['payroll', 'https://payroll.example', 'b https://payroll.example'])
      expect((await mint(running, 'crm', forCrm, { audience })).status).toBe(400)
  })

  it('takes no session of another instance, though provider, names and keys’ ids are the same', async () => {
    const other = await startBank()
    const theirs = await other.session('alice')
    const answer = await bank.ask(theirs, get('/a/things/1'))
    expect(statusOf(answer)).toBe(401)
    expect((await mint(bank.running, 'crm', await other.subject('alice'))).status).toBe(400)
    expect(bank.api.requests).toEqual([])
  })

  it('gives each of two persons his own on one connection, whatever is under way on it', async () => {
    const { api } = bank
    const people = { alice: await bank.session('alice'), bob: await bank.session('bob') }
    const line = await bank.line()
    const turns = Array.from({ length: 20 }, (_, at) => (at % 3 === 0 ? 'alice' : 'bob'))
    api.answer = (request) => {
      const body = JSON.stringify({ person: personIn(request), path: request.start.split(' ')[1] })
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    const { host } = new URL(bank.running.egress)
    line.send(
      turns
        .map((person, at) =>
          (at % 2 === 0 ? get : post)(`/a/things/${at}`).replace(
            '\r\n',
            `\r\nHost: ${host}\r\nAuthorization: Bearer ${people[person]}\r\n`,
          ),
        )
        .join(''),
    )
    const methods = turns.map(() => 'GET')
    const { messages } = await line.answered(...methods)
    expect(messages.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual(
      turns.map((person, at) => ({ person, path: `/a/things/${at}` })),
    )
  })
})
