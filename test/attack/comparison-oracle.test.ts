import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeCapability } from '../../src/identity/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, basic, exchange, opened, post } from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())

/** What an attacker can see of an answer, without what differs in every answer. */
const shape = (answer: {
  status: number
  body: Record<string, unknown>
  headers: Record<string, unknown>
}) => {
  const { request_id: _request, ...body } = answer.body
  const { date: _date, ...headers } = answer.headers
  return JSON.stringify([
    answer.status,
    body,
    Object.entries(headers).filter(([name]) => name !== 'content-length'),
  ])
}

describe('A14 what a wrong answer tells', () => {
  it('a capability that is right for longer and longer is answered the same until it is whole', async () => {
    const path = `${temporaryFolder()}/capability`
    const proof = await writeCapability(path, 'server', { random: (size) => randomBytes(size) })
    const value = (await readFile(path, 'utf8')).trim()
    const face = await opened({ logins: [aLogin(idp)], clock, capabilities: new Map([['crm', proof]]) }).app()
    const shapes = new Set<string>()
    for (let length = 1; length < value.length; length++) {
      const headers = { 'sallyport-capability': value.slice(0, length) }
      shapes.add(shape(await exchange(face, 'x.y.z', {}, headers)))
    }
    const padded = value.slice(0, -1) + (value.endsWith('A') ? 'B' : 'A')
    shapes.add(shape(await exchange(face, 'x.y.z', {}, { 'sallyport-capability': padded })))
    expect(shapes.size).toBe(1)
    const right = await exchange(face, await idp.token(), {}, { 'sallyport-capability': value })
    expect(right.status).toBe(200)
  })

  it('an unknown client and a wrong secret are answered the same', async () => {
    const face = await opened({ logins: [aLogin(idp)], clock }).app()
    const tries = [
      ['crm-client', 'wrong'],
      ['crm-client', 'crm secret/+'],
      ['nobody', 'wrong'],
      ['nobody', 'crm secret/+%'],
      ['crm', 'crm secret/+%'],
      ['constructor', 'x'],
    ] as const
    const answers = tries.map(async ([id, secret]) =>
      shape(await exchange(face, 'x.y.z', {}, { authorization: basic(id, secret) })),
    )
    expect(new Set(await Promise.all(answers)).size).toBe(1)
  })

  it('introspection answers the same of a stranger token, a cut one and one of another server', async () => {
    const secret = aServer().client!.secret
    const servers = [aServer(), aServer({ name: 'billing', client: { id: 'billing', secret } })]
    const at = opened({ logins: [aLogin(idp)], clock, servers })
    const face = await at.app()
    const minted = (await exchange(face, await idp.token())).body['access_token']
    const ask = async (token: string, headers?: Record<string, string>) =>
      shape(await post(face, '/oauth2/introspect', `token=${token}`, headers))
    const billing = { authorization: basic('billing', 'crm secret/+%') }
    const shapes = new Set([await ask('x.y.z'), await ask(minted, billing), await ask(await idp.token())])
    at.around.barred = () => ({ reason: 'cut' })
    shapes.add(await ask(minted))
    expect(shapes.size).toBe(1)
  })

  it('revocation answers the same of a token of another server as of none, and cuts nothing', async () => {
    const secret = aServer().client!.secret
    const servers = [aServer(), aServer({ name: 'billing', client: { id: 'billing', secret } })]
    const at = opened({ logins: [aLogin(idp)], clock, servers })
    const face = await at.app()
    const minted = (await exchange(face, await idp.token())).body['access_token']
    const billing = { authorization: basic('billing', 'crm secret/+%') }
    const foreign = shape(await post(face, '/oauth2/revoke', `token=${minted}`, billing))
    expect(at.around.revoked).toEqual([])
    expect(foreign).toBe(shape(await post(face, '/oauth2/revoke', 'token=x.y.z')))
    expect(foreign).toBe(shape(await post(face, '/oauth2/revoke', `token=${minted}`)))
    expect(at.around.revoked).toHaveLength(1)
  })
})
