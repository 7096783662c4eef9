import { decodeJwt } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { principalKey } from '../../src/model/index.ts'
import { aLogin, aServer, codeOf, exchange, opened } from '../identity/opened.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { admitted, audience, clock, openScene, refused, type Scene } from './scene.ts'

/** A second issuer under the same `kid`, trusted for workloads of two names. */
async function twoIssuers(): Promise<{ scene: Scene; a: Idp; b: Idp }> {
  const b = await startIdp({ clock, algorithm: 'EdDSA', path: '/realms/b', kid: 'same' })
  onTestFinished(() => b.close())
  const scene = await openScene({
    idp: { path: '/realms/a', kid: 'same' },
    more: () =>
      `workloads: [{ issuer: "${b.issuer}", audience: "${audience}", subjects: [alice, "jobs:*"] }]`,
  })
  return { scene, a: scene.idp, b }
}

const principalsIn = (scene: Scene) =>
  scene
    .record()
    .filter(({ kind }) => kind === 'mint')
    .map(({ who }) => [who.principal.kind, who.principal.issuer, who.principal.subject].join(' '))

describe('A04 issuer confusion: two trusted issuers', () => {
  it('cannot speak for each other, even under the same kid', async () => {
    const { scene, a, b } = await twoIssuers()
    // Both sets of keys are known by now.
    expect(await scene.doors(await a.token())).toBe(admitted)
    expect(await scene.doors(await b.token())).toBe(admitted)
    const { length } = scene.downstream.seen
    expect(await scene.doors(await b.token({ iss: a.issuer }))).toBe(refused('token_signature_invalid'))
    expect(await scene.doors(await a.token({ iss: b.issuer }))).toBe(refused('token_signature_invalid'))
    expect(scene.downstream.seen).toHaveLength(length)
  })

  it('are known by their exact name only', async () => {
    const { scene, a } = await twoIssuers()
    const variants = [
      `${a.issuer}/`,
      a.issuer.toUpperCase(),
      a.issuer.replace('127.0.0.1', 'localhost'),
      a.issuer.replace('127.0.0.1', '127.1'),
      a.issuer.replace('http:', 'https:'),
      a.issuer.replace('realms', '%72ealms'),
      a.issuer.replace('/realms', '//realms'),
      `${a.issuer}#x`,
      `${a.issuer}?x`,
      ` ${a.issuer}`,
      `${a.issuer}\0`,
      a.issuer.slice(0, -1),
      'constructor',
    ]
    for (const iss of variants) {
      expect([iss, await scene.doors(await a.token({ iss }))]).toEqual([iss, refused('token_issuer_unknown')])
    }
    for (const iss of [undefined, '', [a.issuer], { a: 1 }, 5]) {
      expect(await scene.doors(await a.token({ iss }))).toBe(refused('token_claims_invalid'))
    }
    expect(scene.idp.requests).toEqual([])
    expect(scene.downstream.connections).toBe(0)
  })

  it('with the same sub are two principals, two sessions, and a cut of the one leaves the other', async () => {
    const { scene, a, b } = await twoIssuers()
    const [ofA, ofB] = [await scene.mint(await a.token()), await scene.mint(await b.token())]
    expect(principalsIn(scene)).toEqual([`user ${a.issuer} alice`, `workload ${b.issuer} alice`])
    const [claimsA, claimsB] = [ofA, ofB].map(({ body }) => decodeJwt(body['access_token']))
    expect(claimsA!['sid']).not.toBe(claimsB!['sid'])
    expect(await scene.sessions()).toBe(2)
    const cut = await scene.running.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: 'alice', issuer: a.issuer },
      cause: 'left',
    })
    expect(cut.status).toBe(200)
    expect((await scene.ask(ofA.body['access_token'])).status).toBe(401)
    expect((await scene.ask(ofB.body['access_token'])).status).toBe(200)
  })

  it('do not lend their keys to a document that names the other', async () => {
    const { scene, a, b } = await twoIssuers()
    b.knobs.documentIssuer = a.issuer
    const answer = await scene.mint(await b.token())
    expect([answer.status, answer.code]).toEqual([503, 'idp_metadata_refused'])
  })
})

describe('A04 issuer confusion: two login issuers', () => {
  const stepped = steppedClock()
  const start = async (path: string) => {
    const idp = await startIdp({ clock: stepped, algorithm: 'EdDSA', path, kid: 'same' })
    onTestFinished(() => idp.close())
    return idp
  }

  it('cannot speak for each other, even under the same kid', async () => {
    const [a, b] = [await start('/realms/a'), await start('/realms/b')]
    const { identity } = opened({ logins: [aLogin(a), aLogin(b)], clock: stepped })
    const verify = async (token: Promise<string>) =>
      codeOf(async () => identity.verifySubject(await token, aServer()))
    expect(await verify(b.token({ iss: a.issuer }))).toBe('token_signature_invalid')
    expect(await verify(a.token({ iss: b.issuer }))).toBe('token_signature_invalid')
  })

  it('with the same sub are two principals, two sessions and two subjects of tokens (design §4)', async () => {
    const [a, b] = [await start('/realms/a'), await start('/realms/b')]
    const at = opened({ logins: [aLogin(a), aLogin(b)], clock: stepped })
    const face = await at.app()
    const keys = new Set<string>()
    const sids = new Set<unknown>()
    const subs = new Set<unknown>()
    for (const idp of [a, b]) {
      const minted = (await exchange(face, await idp.token({ sid: 'one' }))).body['access_token']
      const access = await at.identity.identify(minted)
      expect(access.session.principal).toMatchObject({ issuer: idp.issuer, subject: 'alice' })
      keys.add(principalKey(access.session.principal))
      sids.add(access.session.sid)
      subs.add(decodeJwt(minted).sub)
    }
    expect([keys.size, sids.size, subs.size]).toEqual([2, 2, 2])
  })
})
