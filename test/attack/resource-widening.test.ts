import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  aClient,
  aRobot,
  codeForm,
  codeOf,
  crm,
  erp,
  exchangeGrant,
  type Form,
  jwtGrant,
  openWorld,
  refreshForm,
  robotAuth,
  signedIn,
  url,
  type World,
} from '../signin/token-world.ts'

const near = [
  '*',
  `${url}/*`,
  `${crm.resource}/`,
  `${crm.resource}.`,
  `${crm.resource}/../../erp/mcp`,
  `${url}/crm%2fmcp`,
  `${url}:443/crm/mcp`,
  `${url.replace('https', 'http')}/crm/mcp`,
  `${url.toUpperCase()}/crm/mcp`,
  `${url}/CRM/mcp`,
  `${url}.evil/crm/mcp`,
  `${url.replace('//', '//user@')}/crm/mcp`,
  `${crm.resource}#x`,
  `${crm.resource}?x`,
  ` ${crm.resource}`,
  `${crm.resource} ${erp.resource}`,
  url,
]

/** Each grant, asked for this resource. */
const grants: readonly [string, (world: World, resource: Form['resource']) => Promise<number>][] = [
  [
    'client credentials',
    async (world, resource) =>
      (await world.token({ grant_type: 'client_credentials', resource }, robotAuth('robot'))).status,
  ],
  [
    'token exchange',
    async (world, resource) => {
      const form = {
        subject_token: await world.idp.token({ aud: crm.resource }),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      }
      return (await world.token({ grant_type: exchangeGrant, ...form, resource }, robotAuth('robot'))).status
    },
  ],
  [
    'an ID-JAG that names it',
    async (world, resource) => {
      const assertion = await world.idp.token(
        { aud: url, client_id: 'robot', resource },
        { typ: 'oauth-id-jag+jwt' },
      )
      return (await world.token({ grant_type: jwtGrant, assertion }, robotAuth('robot'))).status
    },
  ],
  [
    'a code',
    async (world, resource) => (await world.token(codeForm(await world.code(), { resource }))).status,
  ],
  [
    'a refresh',
    async (world, resource) => {
      const { refresh_token: token } = await signedIn(world)
      return (await world.token(refreshForm(token, { resource }))).status
    },
  ],
]

const open = () => openWorld({ clients: [aClient('chat'), aRobot('robot')] })

describe('A09 more than one server: resources at the token endpoint of clients', () => {
  it.each(grants)('are taken character for character, one of them: %s', async (_what, ask) => {
    const world = await open()
    for (const resource of near) expect(await ask(world, resource), resource).toBe(400)
    expect(await ask(world, [crm.resource, erp.resource])).toBe(400)
    expect(await ask(world, crm.resource)).toBe(200)
  })

  it('are in the token as one text, which no other server takes', async () => {
    const world = await open()
    const { access_token: token } = await signedIn(world)
    expect(decodeJwt(token).aud).toBe(crm.resource)
    expect(await codeOf(() => world.enter(token, erp))).toBe('token_audience_refused')
  })

  it('are not swapped for another by what stands beside them', async () => {
    const world = await open()
    const form = { grant_type: 'client_credentials', resource: crm.resource }
    for (const audience of [erp.resource, '*', [crm.resource, erp.resource]])
      expect((await world.token({ ...form, audience }, robotAuth('robot'))).status).toBe(400)
  })

  it('come with no more scopes than were agreed to or asserted', async () => {
    const world = await open()
    const { refresh_token: token } = await signedIn(world)
    for (const scope of ['admin', 'mcp admin', 'mcp  admin', 'MCP', '*'])
      expect((await world.token(refreshForm(token, { scope }))).status, scope).toBe(400)
  })
})
