import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SallyportError, seconds } from '../../src/model/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, type Opened, opened } from './opened.ts'

const clock = steppedClock()
let idp: Idp
let keycloak: Opened
let strict: Opened

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())
beforeEach(() => {
  strict = opened({ logins: [aLogin(idp)], clock })
  keycloak = opened({ logins: [aLogin(idp, { types: ['JWT'] })], clock })
})

const verify = async (
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  server = aServer(),
  at = strict,
) => at.identity.verifySubject(await idp.token(claims, header), server)

const code = (claims: Record<string, unknown>, header: Record<string, unknown> = {}, server = aServer()) =>
  codeOf(() => verify(claims, header, server))

describe('time (RFC 7519 §4.1.4–6, bounded skew)', () => {
  const now = clock.now()
  const skew = 30

  it.each([
    ['an expired token, one second past the skew', { iat: now - 400, exp: now - skew }, 'token_expired'],
    ['a token that is not valid yet', { nbf: now + skew + 1 }, 'token_not_yet_valid'],
    ['a token issued in the future', { iat: now + skew + 1 }, 'token_not_yet_valid'],
    ['a missing exp', { exp: undefined }, 'token_claims_invalid'],
    ['exp as text', { exp: String(now + 300) }, 'token_claims_invalid'],
    ['exp in milliseconds', { exp: (now + 300) * 1000 }, 'token_claims_invalid'],
    ['exp that is null', { exp: null }, 'token_claims_invalid'],
    ['a negative nbf', { nbf: -1 }, 'token_claims_invalid'],
    ['nbf as text', { nbf: '0' }, 'token_claims_invalid'],
    ['a missing iat', { iat: undefined }, 'token_claims_invalid'],
    ['exp before iat', { iat: now, exp: now - 1 }, 'token_claims_invalid'],
    ['a sign-in later than the token', { auth_time: now + skew + 1 }, 'token_claims_invalid'],
    ['auth_time as text', { auth_time: 'now' }, 'token_claims_invalid'],
  ])('refuses %s', async (_what, claims, expected) => {
    expect(await code(claims)).toBe(expected)
  })

  it('takes a token within the skew, on both sides', async () => {
    expect(await code({ iat: now - 400, exp: now - skew + 1 })).toBe('no error')
    expect(await code({ iat: now + skew, nbf: now + skew })).toBe('no error')
  })

  it('gives no more skew than a minute, whatever is configured', async () => {
    const lax = opened({ logins: [aLogin(idp, { skew: seconds(86_400) })], clock })
    const old = await idp.token({ iat: now - 400, exp: now - 60 })
    expect(await codeOf(() => lax.identity.verifySubject(old, aServer()))).toBe('token_expired')
  })
})

describe('audience (RFC 9068 §4, design §3)', () => {
  it.each([
    ['no audience', undefined, 'token_audience_refused'],
    ['an empty list', [], 'token_audience_refused'],
    ['another resource', 'https://crm.example.evil', 'token_audience_refused'],
    ['another case', 'https://CRM.example', 'token_audience_refused'],
    ['a trailing slash', 'https://crm.example/', 'token_audience_refused'],
    ['a prefix of the resource', 'https://crm', 'token_audience_refused'],
    ['a further audience', ['https://crm.example', 'account'], 'token_audience_extra'],
    ['a list with something that is no text', ['https://crm.example', 1], 'token_claims_invalid'],
    ['an object', { 'https://crm.example': true }, 'token_claims_invalid'],
  ])('refuses %s', async (_what, aud, expected) => {
    expect(await code({ aud })).toBe(expected)
  })

  it('takes a further audience that the server lists, and no other', async () => {
    const server = aServer({ audiences: ['sallyport'], extraAudiences: ['account'] })
    expect(await code({ aud: ['sallyport', 'account'] }, {}, server)).toBe('no error')
    expect(await code({ aud: ['sallyport', 'account', 'billing'] }, {}, server)).toBe('token_audience_extra')
    expect(await code({ aud: ['account'] }, {}, server)).toBe('token_audience_refused')
  })

  it('names the missing mapper and the place of extra_audiences, for the caller and for the operator', async () => {
    const server = aServer({ audiences: ['sallyport'] })
    const failure = async (aud: unknown): Promise<SallyportError> =>
      verify({ aud }, {}, server).then(
        () => expect.unreachable(),
        (error: unknown) => error as SallyportError,
      )
    const missing = (await failure('account')).facts
    expect(missing.hint).toContain('Audience mapper')
    expect(missing.hint).toContain('sallyport')
    expect(missing.hint).not.toContain('account')
    expect(missing.remedy).toContain('among them account')
    const extra = (await failure(['sallyport', 'account'])).facts
    expect(extra.hint).toContain('servers.crm.extra_audiences')
    expect(extra.remedy).toContain('1 more, among them account')
  })
})

describe('claims', () => {
  it.each([
    ['a missing sub', { sub: undefined }],
    ['an empty sub', { sub: '' }],
    ['a sub of 256 characters', { sub: 'a'.repeat(256) }],
    ['a sub with a line break', { sub: 'alice\nadmin' }],
    ['a sub with a NUL', { sub: 'alice\0' }],
    ['a sub beyond ASCII', { sub: 'аlice' }],
    ['a sub that ends in a space', { sub: 'alice ' }],
    ['a numeric sub', { sub: 7 }],
    ['clients that disagree', { azp: 'other' }],
    ['an at+jwt without a client', { client_id: undefined }],
    ['an at+jwt without jti', { jti: undefined }],
    ['a scope that is no scope', { scope: 'a "b"' }],
    ['a sid that is no text', { sid: 1 }],
  ])('refuses %s', async (_what, claims) => {
    expect(await code(claims)).toBe('token_claims_invalid')
  })

  it('refuses a token bound to a key under Bearer (RFC 9449 §7.2, RFC 8705 §3)', async () => {
    expect(await code({ cnf: { jkt: 'thumb' } })).toBe('token_binding_refused')
    expect(await code({ cnf: { 'x5t#S256': 'thumb' } })).toBe('token_binding_refused')
    expect(await code({ cnf: {} })).toBe('token_binding_refused')
  })

  it('lets a tenant claim refuse, and never choose', async () => {
    const login = aLogin(idp, { tenantClaim: { name: 'tid', value: 'acme-id' } })
    const tenanted = opened({ logins: [login], clock })
    const of = async (claims: object) =>
      tenanted.identity.verifySubject(await idp.token({ ...claims }), aServer())
    expect(await codeOf(() => of({ tid: 'evil-id' }))).toBe('token_tenant_refused')
    expect(await codeOf(() => of({}))).toBe('token_tenant_refused')
    expect(await codeOf(() => of({ tid: ['acme-id'] }))).toBe('token_tenant_refused')
    expect((await of({ tid: 'acme-id', tenant: 'evil' })).principal.tenant).toBe('acme')
  })

  it('reads the workflow from the claim that is configured for it, and from no other', async () => {
    const login = aLogin(idp, { workflowClaim: 'ci.ref' })
    const named = opened({ logins: [login], clock })
    const of = async (claims: Record<string, unknown>) =>
      named.identity.verifySubject(await idp.token(claims), aServer())
    expect((await of({ ci: { ref: 'acme/app/.ci/release.yml@main' } })).workflow).toBe(
      'acme/app/.ci/release.yml@main',
    )
    expect((await of({ workflow: 'ci', ref: 'ci' })).workflow).toBeUndefined()
    expect((await verify({ workflow: 'ci', 'ci.ref': 'ci' })).workflow).toBeUndefined()
    for (const odd of [5, ['a'], '', ' a', 'a\nb'])
      expect(await codeOf(() => of({ 'ci.ref': odd }))).toBe('token_claims_invalid')
  })

  it('says what it verified', async () => {
    const now = clock.now()
    const verified = await verify({ auth_time: now - 100, sid: 'idp-session', act: { sub: 'agent' } })
    expect(verified).toMatchObject({
      principal: { kind: 'user', tenant: 'acme', issuer: idp.issuer, subject: 'alice' },
      client: 'mcp-client',
      authTime: now - 100,
      issuedAt: now,
      expiresAt: now + 300,
      idpSid: 'idp-session',
      scopes: ['orders.read', 'profile'],
      groups: ['crm-users'],
      groupsComplete: true,
      actor: { subject: 'agent' },
    })
    expect(JSON.stringify(verified)).not.toContain(verified.token?.reveal())
  })

  it('names the client by azp, cid or appid where there is no client_id', async () => {
    const client = async (claims: object) =>
      (await verify({ client_id: undefined, ...claims }, { typ: 'JWT' }, aServer(), keycloak)).client
    expect(await client({ azp: 'by-azp' })).toBe('by-azp')
    expect(await client({ cid: 'by-cid' })).toBe('by-cid')
    expect(await client({ appid: 'by-appid' })).toBe('by-appid')
    expect(await client({})).toBe('unverified')
  })
})

describe('groups', () => {
  const groupsOf = async (claims: Record<string, unknown>, groupsClaim = 'groups') => {
    const { identity } = opened({ logins: [aLogin(idp, { groupsClaim })], clock })
    const { groups, groupsComplete } = await identity.verifySubject(await idp.token(claims), aServer())
    return { groups, groupsComplete }
  }

  it.each([
    ['absent', { groups: undefined }, []],
    ['an object', { groups: { a: 1 } }, []],
    ['moved elsewhere by Entra', { groups: undefined, _claim_names: { groups: 'src1' } }, []],
    ['moved elsewhere although some are there', { _claim_names: { groups: 'src1' } }, ['crm-users']],
    ['cut short by Entra (hasgroups)', { hasgroups: true }, ['crm-users']],
    ['odd in one place', { groups: ['a', 1] }, ['a']],
    ['longer than is read', { groups: Array.from({ length: 2_001 }, () => 'g') }, undefined],
  ])('knows that the list is incomplete when it is %s', async (_what, claims, groups) => {
    const read = await groupsOf(claims)
    expect(read.groupsComplete).toBe(false)
    if (groups !== undefined) expect(read.groups).toEqual(groups)
  })

  it('reads a claim by its literal name before reading it as a path', async () => {
    const roles = { realm_access: { roles: ['nested'] } }
    expect(await groupsOf(roles, 'realm_access.roles')).toEqual({ groups: ['nested'], groupsComplete: true })
    expect(await groupsOf({ 'https://acme/groups.v1': ['x'] }, 'https://acme/groups.v1')).toEqual({
      groups: ['x'],
      groupsComplete: true,
    })
    expect(await groupsOf({}, 'constructor.name')).toEqual({ groups: [], groupsComplete: false })
  })

  it('takes an empty list as the whole list', async () => {
    expect(await groupsOf({ groups: [] })).toEqual({ groups: [], groupsComplete: true })
  })
})

describe('workloads', () => {
  const workloads = (over: object = {}) => [
    { issuer: idp.issuer, audience: 'sallyport', subjects: ['system:serviceaccount:crm:*'], ...over },
  ]
  const job = { sub: 'system:serviceaccount:crm:job', aud: 'sallyport', client_id: undefined, jti: undefined }

  it.each([
    ['another namespace', { sub: 'system:serviceaccount:billing:job' }, 'token_principal_refused'],
    ['a namespace that begins alike', { sub: 'system:serviceaccount:crm:job:x' }, 'token_principal_refused'],
    ['an empty last part', { sub: 'system:serviceaccount:crm:' }, 'token_principal_refused'],
    ['another audience', { aud: 'https://kubernetes.default.svc' }, 'token_audience_refused'],
    ['a further audience', { aud: ['sallyport', 'vault'] }, 'token_audience_extra'],
  ])('refuses %s', async (_what, claims, expected) => {
    const { identity } = opened({ logins: [], workloads: workloads(), clock })
    const token = await idp.token({ ...job, ...claims }, { typ: undefined })
    expect(await codeOf(() => identity.verifySubject(token, aServer()))).toBe(expected)
  })

  it('makes a workload of what a rule names, with the whole (empty) list of groups', async () => {
    const { identity } = opened({ logins: [], workloads: workloads(), clock })
    const token = await idp.token({ ...job, groups: undefined }, { typ: undefined })
    expect(await identity.verifySubject(token, aServer())).toMatchObject({
      principal: { kind: 'workload', tenant: 'acme', issuer: idp.issuer, subject: job.sub },
      client: job.sub,
      groups: [],
      groupsComplete: true,
    })
  })

  it('never lets a service account of a login issuer pass for a person', async () => {
    const asUser = (claims: object) => codeOf(() => verify({ ...claims }))
    expect(await asUser({ sub: 'mcp-client' })).toBe('token_principal_refused')
    expect(await asUser({ sub: 'mcp-client@clients' })).toBe('token_principal_refused')
    expect(await asUser({ idtyp: 'app' })).toBe('token_principal_refused')
    expect(await asUser({ gty: 'client-credentials' })).toBe('token_principal_refused')
    expect(await asUser({ preferred_username: 'service-account-mcp-client' })).toBe('token_principal_refused')
    expect(await asUser({ preferred_username: 'service-account-other' })).toBe('no error')
    expect(await asUser({ typ: 'Bearer' })).toBe('token_principal_refused')
    expect(await asUser({ typ: 'Bearer', sid: 's' })).toBe('no error')
    expect(await asUser({ typ: 'Bearer', auth_time: clock.now() })).toBe('no error')
    expect(await asUser({ clientHost: '10.0.0.1', clientAddress: '10.0.0.1' })).toBe(
      'token_principal_refused',
    )
  })

  it('keeps users and workloads of one issuer apart, each with its own types and audience', async () => {
    const both = opened({
      logins: [aLogin(idp)],
      workloads: workloads({ subjects: ['robot-*'] }),
      clock,
    }).identity
    const robot = await idp.token({ sub: 'robot-1', aud: 'sallyport' }, { typ: 'JWT' })
    expect((await both.verifySubject(robot, aServer())).principal.kind).toBe('workload')
    expect((await both.verifySubject(await idp.token(), aServer())).principal.kind).toBe('user')
    const untyped = await idp.token({}, { typ: 'JWT' })
    expect(await codeOf(() => both.verifySubject(untyped, aServer()))).toBe('token_type_refused')
  })

  it('refuses patterns that are empty or full of stars, when it is opened', () => {
    for (const subjects of [[''], ['a*b*c*d*e']]) {
      expect(() => opened({ logins: [], workloads: workloads({ subjects }), clock })).toThrow(SallyportError)
    }
  })
})

describe('configuration', () => {
  it.each([
    [{ algorithms: ['HS256'] }],
    [{ algorithms: ['none'] }],
    [{ algorithms: [] }],
    [{ types: ['dpop+jwt'] }],
    [{ types: ['application/Logout+JWT'] }],
  ])('refuses %j, when it is opened', (over) => {
    expect(() => opened({ logins: [aLogin(idp, over)], clock })).toThrow('not valid')
  })

  it.each(['PS256', 'ES256', 'EdDSA'] as const)('takes %s', async (algorithm) => {
    const other = await startIdp({ clock, algorithm })
    const { identity } = opened({ logins: [aLogin(other)], clock })
    expect(await codeOf(async () => identity.verifySubject(await other.token(), aServer()))).toBe('no error')
    const narrow = opened({ logins: [aLogin(other, { algorithms: ['RS256'] })], clock }).identity
    const refusal = await codeOf(async () => narrow.verifySubject(await other.token(), aServer()))
    expect(refusal).toBe('token_algorithm_refused')
    await other.close()
  })
})
