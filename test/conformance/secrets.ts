import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  epoch,
  type ErrorCode,
  type Grant,
  type GrantPlace,
  type Principal,
  SallyportError,
  Secret,
  type Tombstone,
} from '../../src/model/index.ts'
import type { Secrets } from '../../src/storage/index.ts'

/** A store with the vault groups `crm` and `hr` of the tenant `acme`, and `crm` of `globex`. */
export interface SecretsFixture {
  /** A further client of the same store. Closed by whoever opened it. */
  open(): Promise<Secrets>
  /** What `until` is compared with. */
  setNow(seconds: number): void
  /** How many versions of all entries of the store still have content. */
  versionsWithContent(): Promise<number>
  close(): Promise<void>
}

const now = 1_800_000_000
const tomb = (cause: string): Tombstone['tomb'] => ({ at: epoch(now), rev: 7, cause })

export const grantWith = (over: Partial<Grant> = {}): Grant => ({
  v: 1,
  gen: 0,
  rt: new Secret('refresh-0', 'refresh token'),
  at: new Secret('access-0', 'access token'),
  exp: epoch(now + 300),
  status: 'active',
  rev: 3,
  registration: 'client-a',
  scopes: ['orders.read'],
  ...over,
})

/** A grant as plain data, its secrets revealed, for comparison. */
export const shown = (grant: Grant | undefined): unknown =>
  grant === undefined ? undefined : { ...grant, rt: grant.rt?.reveal(), at: grant.at?.reveal() }

export async function codeOf(work: Promise<unknown>): Promise<ErrorCode | 'no error'> {
  try {
    await work
    return 'no error'
  } catch (error) {
    if (error instanceof SallyportError) return error.code
    throw error
  }
}

let count = 0
/** A person nobody has used yet, so that the tests of one store do not meet. */
const somebody = (over: Partial<Principal> = {}): Principal => {
  count += 1
  return { kind: 'user', tenant: 'acme', issuer: 'https://idp.example', subject: `person-${count}`, ...over }
}

const placeOf = (principal: Principal, over: Partial<GrantPlace> = {}): GrantPlace => ({
  tenant: 'acme',
  group: 'crm',
  principal,
  downstream: 'orders',
  audience: 'orders-api',
  ...over,
})

const grants = fc.record({
  gen: fc.nat(),
  rt: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
  at: fc.option(fc.string(), { nil: undefined }),
  exp: fc.option(fc.nat(), { nil: undefined }),
  obtained: fc.option(fc.nat(), { nil: undefined }),
  status: fc.constantFrom('active' as const, 'reauth_required' as const),
  claim: fc.option(fc.record({ owner: fc.string(), until: fc.nat() }), { nil: undefined }),
  rev: fc.nat(),
  registration: fc.string(),
  scopes: fc.array(fc.string(), { maxLength: 4 }),
  sid: fc.option(fc.string(), { nil: undefined }),
})

type Drawn = typeof grants extends fc.Arbitrary<infer T> ? T : never

const made = ({ rt, at, exp, obtained, claim, sid, ...rest }: Drawn): Grant => ({
  v: 1,
  ...rest,
  ...(rt === undefined ? {} : { rt: new Secret(rt, 'refresh token') }),
  ...(at === undefined ? {} : { at: new Secret(at, 'access token') }),
  ...(exp === undefined ? {} : { exp: epoch(exp) }),
  ...(obtained === undefined ? {} : { obtained: epoch(obtained) }),
  ...(claim === undefined ? {} : { claim: { owner: claim.owner, until: epoch(claim.until) } }),
  ...(sid === undefined ? {} : { sid }),
})

/** What every `Secrets` must do; run by each store. */
export function secretsConformance(name: string, start: () => Promise<SecretsFixture>): void {
  describe(`Secrets: ${name}`, () => {
    let store: SecretsFixture
    let secrets: Secrets
    let other: Secrets

    beforeAll(async () => {
      store = await start()
      store.setNow(now)
      secrets = await store.open()
      other = await store.open()
    })
    afterAll(async () => {
      await secrets.close()
      await other.close()
      await store.close()
    })

    describe('places', () => {
      it('refuses a principal of another tenant', async () => {
        const place = placeOf(somebody({ tenant: 'globex' }))
        expect(await codeOf(secrets.read(place))).toBe('secrets_denied')
        expect(await codeOf(secrets.create(place, grantWith(), 0))).toBe('secrets_denied')
        expect(await codeOf(secrets.destroyKey('acme', 'crm', place.principal, tomb('x')))).toBe(
          'secrets_denied',
        )
      })

      it.each(['../hr', 'crm/..', 'CRM', 'c rm', '', 'crm.hr', '-crm', 'crm-', 'a'.repeat(64)])(
        'refuses the vault group %j, which is no slug',
        async (group) => {
          expect(await codeOf(secrets.read(placeOf(somebody(), { group })))).toBe('config_invalid')
        },
      )

      it('keeps kinds, issuers, subjects, groups, tenants, downstreams and audiences apart', async () => {
        const principal = somebody()
        const places = [
          placeOf(principal),
          placeOf({ ...principal, kind: 'workload' }),
          placeOf({ ...principal, issuer: 'https://idp.example/other' }),
          placeOf({ ...principal, subject: `${principal.subject}x` }),
          placeOf(principal, { group: 'hr' }),
          placeOf({ ...principal, tenant: 'globex' }, { tenant: 'globex' }),
          placeOf(principal, { downstream: 'billing' }),
          placeOf(principal, { audience: 'orders-api-2' }),
          placeOf(principal, { downstream: 'ordersorders', audience: '-api' }),
        ]
        for (const [index, place] of places.entries()) {
          expect(await secrets.read(place)).toBeUndefined()
          await secrets.create(place, grantWith({ gen: index }), 0)
        }
        for (const [index, place] of places.entries())
          expect((await other.read(place))?.grant?.gen).toBe(index)
      })
    })

    describe('grants', () => {
      it('reads nothing where nothing was kept', async () => {
        expect(await secrets.read(placeOf(somebody()))).toBeUndefined()
      })

      it('refuses to create over a live grant, whatever version is expected', async () => {
        const place = placeOf(somebody())
        const version = await secrets.create(place, grantWith(), 0)
        for (const expected of [0, version, version + 1]) {
          expect(await codeOf(secrets.create(place, grantWith({ gen: 5 }), expected))).toBe(
            'secrets_conflict',
          )
        }
        expect(await codeOf(other.create(place, grantWith({ gen: 5 }), 0))).toBe('secrets_conflict')
        expect((await secrets.read(place))?.grant?.gen).toBe(0)
      })

      it('refuses an update of nothing, from an old version, or to a lower gen', async () => {
        const place = placeOf(somebody())
        expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), 0))).toBe('secrets_conflict')
        expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), 1))).toBe('secrets_conflict')
        const first = await secrets.create(place, grantWith({ gen: 4 }), 0)
        expect(await codeOf(secrets.update(place, grantWith({ gen: 3 }), first))).toBe('secrets_conflict')
        const second = await other.update(place, grantWith({ gen: 5 }), first)
        expect(second).toBe(first + 1)
        expect(await codeOf(secrets.update(place, grantWith({ gen: 6 }), first))).toBe('secrets_conflict')
        expect((await secrets.read(place))?.grant?.gen).toBe(5)
      })

      it('gives back any grant as it was put in', async () => {
        const place = placeOf(somebody())
        let version = 0
        let gen = 0
        await fc.assert(
          fc.asyncProperty(grants, async (drawn) => {
            gen += 1
            const grant = made({ ...drawn, gen })
            version = await (version === 0
              ? secrets.create(place, grant, 0)
              : secrets.update(place, grant, version))
            const stored = await other.read(place)
            expect(stored?.version).toBe(version)
            expect(shown(stored?.grant)).toEqual(shown(grant))
          }),
          { numRuns: 25 },
        )
      })

      it('lets exactly one of many writers from one version win', async () => {
        const place = placeOf(somebody())
        let version = await secrets.create(place, grantWith(), 0)
        for (let round = 1; round <= 5; round += 1) {
          const writers = Array.from({ length: 8 }, (_, index) =>
            codeOf(
              (index % 2 === 0 ? secrets : other).update(
                place,
                grantWith({ gen: round, rev: index }),
                version,
              ),
            ),
          )
          const codes = await Promise.all(writers)
          expect(codes.filter((code) => code === 'no error')).toHaveLength(1)
          expect(codes.filter((code) => code === 'secrets_conflict')).toHaveLength(7)
          const stored = await secrets.read(place)
          expect(stored?.grant?.rev).toBe(codes.indexOf('no error'))
          version = Number(stored?.version)
        }
      })

      it('makes one data key when two clients make the first two grants of a principal at once', async () => {
        const principal = somebody()
        const places = ['a', 'b', 'c', 'd'].map((audience) => placeOf(principal, { audience }))
        await Promise.all(
          places.map((place, index) =>
            (index % 2 === 0 ? secrets : other).create(place, grantWith({ gen: index }), 0),
          ),
        )
        secrets.forget()
        other.forget(principal)
        for (const [index, place] of places.entries()) {
          expect((await secrets.read(place))?.grant?.gen).toBe(index)
          expect((await other.read(place))?.grant?.gen).toBe(index)
        }
      })
    })

    describe('tombstones', () => {
      it('lets no sleeping writer resurrect a destroyed grant', async () => {
        const place = placeOf(somebody())
        const version = await secrets.create(place, grantWith(), 0)
        await other.destroy(place, tomb('revoked'))
        expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), version))).toBe('secrets_destroyed')
        expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), version + 1))).toBe(
          'secrets_destroyed',
        )
        expect(await codeOf(secrets.create(place, grantWith({ gen: 1 }), version))).toBe('secrets_conflict')
        expect(await codeOf(secrets.create(place, grantWith({ gen: 1 }), 0))).toBe('secrets_conflict')
        expect(await secrets.read(place)).toEqual({ version: version + 1, tomb: tomb('revoked') })
      })

      it('keeps out who was about to create the first grant when it was destroyed', async () => {
        const place = placeOf(somebody())
        await other.destroy(place, tomb('too early'))
        expect(await codeOf(secrets.create(place, grantWith(), 0))).toBe('secrets_conflict')
        expect((await secrets.read(place))?.tomb?.cause).toBe('too early')
      })

      it('destroys every older version, and keeps the first tombstone when destroyed again', async () => {
        const place = placeOf(somebody())
        const before = await store.versionsWithContent()
        const first = await secrets.create(place, grantWith(), 0)
        await secrets.update(place, grantWith({ gen: 1 }), first)
        await secrets.destroy(place, tomb('first'))
        // The data key and the tombstone.
        expect(await store.versionsWithContent()).toBe(before + 2)
        await other.destroy(place, tomb('second'))
        expect(await secrets.read(place)).toEqual({ version: first + 2, tomb: tomb('first') })
        expect(await store.versionsWithContent()).toBe(before + 2)
      })

      it('lets a new grant be made over a tombstone, and over nothing else that was read', async () => {
        const place = placeOf(somebody())
        await secrets.create(place, grantWith(), 0)
        await secrets.destroy(place, tomb('revoked'))
        const stored = await secrets.read(place)
        const version = Number(stored?.version)
        expect(await codeOf(secrets.create(place, grantWith(), version - 1))).toBe('secrets_conflict')
        expect(await other.create(place, grantWith({ gen: 9 }), version)).toBe(version + 1)
        expect((await secrets.read(place))?.grant?.gen).toBe(9)
      })

      it('wins against writers who keep writing', async () => {
        const place = placeOf(somebody())
        await secrets.create(place, grantWith(), 0)
        const write = async (by: Secrets): Promise<string> => {
          for (;;) {
            const stored = await by.read(place)
            if (stored?.grant === undefined) return 'saw the tombstone'
            const next = grantWith({ gen: stored.grant.gen + 1 })
            const code = await codeOf(by.update(place, next, stored.version))
            if (code === 'secrets_destroyed') return 'lost to the tombstone'
            expect(['no error', 'secrets_conflict']).toContain(code)
          }
        }
        const writers = [write(secrets), write(other), write(secrets)]
        await other.destroy(place, tomb('revoked'))
        expect((await secrets.read(place))?.tomb?.cause).toBe('revoked')
        for (const end of await Promise.all(writers)) expect(end).toMatch(/tombstone/)
      })
    })

    describe('data keys', () => {
      it('destroys with the key every grant of the principal in the group, and nobody else’s', async () => {
        const principal = somebody()
        const mine = [placeOf(principal), placeOf(principal, { downstream: 'billing' })]
        const others = [placeOf(somebody()), placeOf(principal, { group: 'hr' })]
        for (const place of [...mine, ...others]) await secrets.create(place, grantWith(), 0)
        await secrets.destroyKey('acme', 'crm', principal, tomb('offboarded'))
        await secrets.destroyKey('acme', 'crm', principal, tomb('again'))
        other.forget(principal)
        for (const by of [secrets, other]) {
          for (const place of mine) expect((await by.read(place))?.tomb?.cause).toBe('offboarded')
          for (const place of others) expect((await by.read(place))?.grant?.gen).toBe(0)
        }
        const version = Number((await secrets.read(mine[0] as GrantPlace))?.version)
        expect(await codeOf(secrets.update(mine[0] as GrantPlace, grantWith({ gen: 1 }), version))).toBe(
          'secrets_destroyed',
        )
      })

      it('never opens old ciphertext with a key made after the tombstone', async () => {
        const principal = somebody()
        const old = placeOf(principal)
        const fresh = placeOf(principal, { downstream: 'billing' })
        const version = await secrets.create(old, grantWith(), 0)
        expect((await other.read(old))?.grant?.gen).toBe(0)
        await secrets.destroyKey('acme', 'crm', principal, tomb('offboarded'))
        await secrets.create(fresh, grantWith({ gen: 2 }), 0)
        // The other client still holds the destroyed key: a new grant shows it that there is another.
        expect((await other.read(fresh))?.grant?.gen).toBe(2)
        for (const by of [secrets, other]) expect((await by.read(old))?.tomb?.cause).toBe('offboarded')
        expect(await secrets.create(old, grantWith({ gen: 3 }), version)).toBe(version + 1)
        expect((await other.read(old))?.grant?.gen).toBe(3)
      })

      it('bars a principal of whom nothing was kept yet, and lets a later sign-in begin anew', async () => {
        const principal = somebody()
        await secrets.destroyKey('acme', 'crm', principal, tomb('offboarded'))
        expect(await secrets.read(placeOf(principal))).toBeUndefined()
        await other.create(placeOf(principal), grantWith(), 0)
        expect((await secrets.read(placeOf(principal)))?.grant?.gen).toBe(0)
      })

      it('reads on after data keys were forgotten', async () => {
        const place = placeOf(somebody())
        await secrets.create(place, grantWith(), 0)
        secrets.forget(place.principal)
        expect((await secrets.read(place))?.grant?.gen).toBe(0)
        const reading = Promise.all(Array.from({ length: 10 }, () => secrets.read(place)))
        secrets.forget()
        for (const stored of await reading) expect(stored?.grant?.at?.reveal()).toBe('access-0')
      })
    })

    describe('the outbox', () => {
      const payload = new Secret('refresh-to-revoke', 'refresh token')
      const job = (): string => `rev_${(count += 1)}:orders/alice@example.org`

      it('gives nothing for an unknown job, another tenant, or after its time', async () => {
        const id = job()
        expect(await secrets.unseal(id, 'acme')).toBeUndefined()
        await secrets.seal(id, 'acme', payload, epoch(now + 60))
        expect(await secrets.unseal(id, 'globex')).toBeUndefined()
        expect((await other.unseal(id, 'acme'))?.reveal()).toBe('refresh-to-revoke')
        store.setNow(now + 60)
        expect(await secrets.unseal(id, 'acme')).toBeUndefined()
        store.setNow(now)
      })

      it('replaces what the same job kept, so that a repeated revocation can go on', async () => {
        const id = job()
        const before = await store.versionsWithContent()
        await secrets.seal(id, 'acme', payload, epoch(now + 60))
        await other.seal(id, 'acme', new Secret('newer', 'refresh token'), epoch(now + 90))
        expect((await secrets.unseal(id, 'acme'))?.reveal()).toBe('newer')
        expect(await store.versionsWithContent()).toBe(before + 1)
      })

      it('destroys what was dropped, and lets no late seal bring it back', async () => {
        const id = job()
        const before = await store.versionsWithContent()
        await secrets.seal(id, 'acme', payload, epoch(now + 60))
        await secrets.dropSealed(id, 'acme')
        await other.dropSealed(id, 'acme')
        expect(await secrets.unseal(id, 'acme')).toBeUndefined()
        expect(await codeOf(secrets.seal(id, 'acme', payload, epoch(now + 60)))).toBe('secrets_destroyed')
        expect(await store.versionsWithContent()).toBe(before + 1)
      })
    })

    it('says that it is up and that everything is in place', async () => {
      expect(await secrets.health()).toBe('up')
      await expect(secrets.check()).resolves.toBeUndefined()
    })
  })
}
