import { describe, expect, it } from 'vitest'
import { createBrowser, walk } from '../kit/walk.ts'
import { alice, bob, callback, pageOf, startWorld } from '../signin/world.ts'

/**
 * GHSA-rww4-4w9c-7733 (CVE-2026-27124): a proxy asked for consent and then sent the browser to the IdP, and nothing bound the
 * one to the other. The attacker agreed in his own browser and had the victim's finish at the IdP: the victim's
 * tokens went to the attacker's client.
 */
describe('A20 a sign-in that an attacker began and a victim’s browser finishes (GHSA-rww4-4w9c-7733)', () => {
  it('ends nowhere: no code, nobody signed in, no consent, nothing in the record', async () => {
    const world = await startWorld()
    const evil = await world.register({ client_name: 'Helpful assistant' })
    // The attacker goes as far as the IdP and keeps the address that he is sent to.
    const attackers = createBrowser({ leaveAt: world.idp.issuer })
    const hand = pageOf(await attackers.open(world.request(evil)))
    const begun = await attackers.follow(hand, hand.links.find(({ classes }) => classes.includes('main'))!)
    const atIdp = 'left' in begun ? begun.left : undefined
    expect(atIdp?.href).toContain(world.idp.issuer)
    // The victim, who is signed in at the IdP, opens it.
    const victims = createBrowser({ leaveAt: callback })
    await world.visit(victims, alice)
    const before = world.record().length
    const page = pageOf(await victims.open(atIdp!))
    expect([page.status, page.says]).toEqual([400, expect.stringContaining('login_state_refused')])
    expect(
      world
        .record()
        .slice(before)
        .map(({ kind }) => kind),
    ).toEqual([])
    const { state, config } = world.running.instance
    expect(await state.consents.list(config.tenant, undefined)).toEqual([])
    expect(victims.steps.some(({ url }) => url.href.startsWith(callback))).toBe(false)
  })

  it('ends nowhere where the attacker had agreed before, for himself: agreement is each person’s own', async () => {
    const world = await startWorld()
    const evil = await world.register()
    const attackers = world.browser()
    await walk(attackers, world.request(evil), { as: bob })
    const victims = world.browser()
    await world.visit(victims, alice)
    const page = pageOf(await victims.open(world.request(evil)))
    expect(page.says).toContain('You are signed in as Alice Archer')
    expect(page.says).toContain('Nobody has verified this app')
  })

  it('ends with the person that the link was given to, where a link that leads to the IdP is passed on', async () => {
    const world = await startWorld()
    const evil = await world.register()
    const hand = pageOf(await world.browser().open(world.request(evil)))
    const link = hand.links.find(({ classes }) => classes.includes('main'))!
    const victims = world.browser()
    const pages: string[] = []
    const left = await walk(victims, link.to, {
      as: alice,
      press: (page, buttons) => {
        pages.push(page.says)
        return buttons.find(({ value }) => value === 'deny')
      },
    })
    // Nothing was agreed to by the one who passed it on: the victim is asked.
    expect(pages.at(-1)).toContain('Nobody has verified this app')
    expect(left.searchParams.get('error')).toBe('access_denied')
  })
})
