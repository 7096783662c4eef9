import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createHandedSubjects, type HandedSubjects } from '../../src/exchange/subject-source.ts'
import { epoch, Secret, seconds, type Session } from '../../src/model/index.ts'
import { unsignedJwt } from '../kit/provider.ts'
import { codeOf, type Rig, rig } from './rig.ts'

const subjects = ({ clock, gate }: Rig): HandedSubjects => createHandedSubjects({ clock, gate })
const token = (scope: string): Secret => new Secret(unsignedJwt({ sub: 'alice', scope }), 'subject token')

const wanted = (session: Session, minLife = 5) => ({
  session,
  audience: 'orders-api',
  minLife: seconds(minLife),
})

const scopesIn = async (vault: HandedSubjects, session: Session) =>
  (await vault.subjectToken(wanted(session))).claims.scopes?.join(' ')

describe('handed subject tokens', () => {
  test('are gone at their expiry, and too short a rest is none', async () => {
    const it = rig()
    const vault = subjects(it)
    vault.hand(it.session(), token('a'), epoch(it.clock.now() + 60))
    it.clock.advance(55)
    expect(await scopesIn(vault, it.session())).toBe('a')
    expect(await codeOf(() => vault.subjectToken(wanted(it.session(), 6)))).toBe('subject_expired')
    it.clock.advance(5)
    expect(await codeOf(() => vault.subjectToken(wanted(it.session(), 1)))).toBe('subject_expired')
  })

  test('are forgotten by the sweep, not merely hidden', () => {
    const it = rig()
    const vault = subjects(it)
    vault.hand(it.session(), token('a'), epoch(it.clock.now() + 60))
    it.clock.advance(60)
    vault.sweep()
    expect(vault.bar({ kind: 'tenant', tenant: 'acme' })).toBe(0)
  })

  test('of a session in another tenant, with the same name, are not found', async () => {
    const it = rig()
    const vault = subjects(it)
    vault.hand(it.session(), token('a'), epoch(it.clock.now() + 60))
    const elsewhere = it.session({ principal: { tenant: 'other' } })
    expect(await codeOf(() => vault.subjectToken(wanted(elsewhere)))).toBe('subject_expired')
  })

  test('give way to one that lives longer, not to an older one shown again', async () => {
    const it = rig()
    const vault = subjects(it)
    vault.hand(it.session(), token('first'), epoch(it.clock.now() + 60))
    vault.hand(it.session(), token('later'), epoch(it.clock.now() + 90))
    vault.hand(it.session(), token('first'), epoch(it.clock.now() + 60))
    expect(await scopesIn(vault, it.session())).toBe('later')
  })

  test('of a sign-in after a cut replace those from before it, however long these live', async () => {
    const it = rig()
    const vault = subjects(it)
    vault.hand(it.session(), token('before'), epoch(it.clock.now() + 900))
    it.gate.cut({ kind: 'client', tenant: 'acme', client: 'chat' })
    vault.hand(it.session(), token('after'), epoch(it.clock.now() + 60))
    expect(await scopesIn(vault, it.session())).toBe('after')
  })

  test('are bounded: the one handed over first goes first', async () => {
    const it = rig()
    const vault = subjects(it)
    const shared = token('a')
    const session = (turn: number): Session => ({ ...it.session(), sid: `sid-${turn}` })
    for (let turn = 0; turn <= 10_000; turn++) vault.hand(session(turn), shared, epoch(it.clock.now() + 60))
    expect(await codeOf(() => vault.subjectToken(wanted(session(0))))).toBe('subject_expired')
    expect(await scopesIn(vault, session(1))).toBe('a')
  })

  test('show nothing when the room is printed', () => {
    const it = rig()
    it.hand()
    const shown = inspect(it.exchange, { depth: 10, showHidden: true }) + JSON.stringify(it.exchange)
    expect(shown).not.toContain('eyJ')
  })
})
