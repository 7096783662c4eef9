/** Identity providers that people of a company sign in at, each with one person who may use the server and one who may not. */
import { randomUUID } from 'node:crypto'
import { entraGroups, startEntra } from '../../kit/idps/entra.ts'
import { startOkta } from '../../kit/idps/okta.ts'
import type { StubClient, StubIdp } from '../../kit/idps/provider.ts'
import { parts } from '../../kit/parts.ts'
import type { Person } from '../../kit/walk.ts'

export interface Company {
  readonly form: 'single' | 'dev'
  /** The lines of the configuration that say where people sign in. */
  readonly login: string
  readonly files: Readonly<Record<string, string>>
  /** Who may use the server. */
  readonly rule: string
  readonly alice: Person
  readonly bob: Person
  /** Locks a person out at the provider. */
  disable(person: Person): Promise<void>
  /** For the stubs: what they were asked, and what they can be told. */
  readonly stub?: StubIdp
}

export type CompanyName = 'Keycloak' | 'Entra' | 'Okta' | 'the built-in sign-in'

/** Whether the part is here: only Keycloak may be missing. */
export const isHere = (name: CompanyName): boolean => name !== 'Keycloak' || parts().keycloak !== undefined

const key = 'a passphrase-long key of thirty-two bytes.'

function single(issuer: string, client: { readonly id: string; readonly secret: string }, more = '') {
  return {
    form: 'single' as const,
    files: { 'idp-secret': client.secret, key },
    login: `tenant: acme
key: file:key
login: { issuer: "${issuer}", client: { id: ${client.id}, secret: file:idp-secret }, skew: 0s${more} }`,
  }
}

const stubbed = (stub: StubIdp, scope: string): Omit<Company, 'rule'> => ({
  ...single(stub.issuer, stub.client, `, scope: "${scope}"`),
  alice: stub.people['alice@acme.example']!,
  bob: stub.people['bob@acme.example']!,
  disable: async ({ username }) => void stub.knobs.disabled.add(username),
  stub,
})

/** `others`: applications of the company that sign people in at its Okta by themselves. */
export async function startCompany(name: CompanyName, others: readonly StubClient[] = []): Promise<Company> {
  switch (name) {
    case 'Keycloak':
      return keycloak()
    case 'Entra': {
      const scope = 'openid profile offline_access api://sallyport/.default'
      return { ...stubbed(await startEntra({ host: 'localhost' }), scope), rule: `group:${entraGroups.crm}` }
    }
    case 'Okta': {
      const scope = 'openid profile offline_access groups'
      return { ...stubbed(await startOkta({ resource: 'refused', others }), scope), rule: 'group:crm-users' }
    }
    case 'the built-in sign-in': {
      const person = (username: string) => ({ username, password: '' })
      const alice = person('alice')
      const disable = () => Promise.reject(new Error('nobody can be locked out of the built-in sign-in'))
      return {
        form: 'dev',
        login: '',
        files: {},
        rule: 'group:crm-users',
        alice,
        bob: person('bob'),
        disable,
      }
    }
  }
}

async function keycloak(): Promise<Company> {
  const part = parts().keycloak
  if (part === undefined) throw new Error('Keycloak is not here')
  const admin = await keycloakAdmin()
  const [alice, bob] = await Promise.all([admin.person('crm-users'), admin.person()])
  return {
    ...single(part.issuer, { id: 'sallyport', secret: part.clients.sallyport }),
    rule: 'group:crm-users',
    alice,
    bob,
    disable: ({ username }) => admin.disable(username),
  }
}

/** People of a test's own: others use the realm at the same time. */
async function keycloakAdmin() {
  const { baseUrl, adminUrl, admin } = parts().keycloak!
  const form = {
    grant_type: 'password',
    client_id: 'admin-cli',
    username: admin.user,
    password: admin.password,
  }
  const token = async () => {
    const answer = await fetch(`${baseUrl}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })
    return ((await answer.json()) as { access_token: string }).access_token
  }
  const ask = async (method: string, path: string, body?: object): Promise<Response> => {
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }
    const answer = await fetch(`${adminUrl}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`Keycloak: ${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }
  return {
    person: async (...groups: readonly string[]): Promise<Person> => {
      const username = `person-${randomUUID()}`
      const password = randomUUID()
      await ask('POST', '/users', {
        ...{ username, enabled: true, emailVerified: true, groups: groups.map((group) => `/${group}`) },
        ...{ email: `${username}@acme.example`, firstName: 'Some', lastName: 'Body' },
        credentials: [{ type: 'password', value: password, temporary: false }],
      })
      return { username, password }
    },
    disable: async (username: string): Promise<void> => {
      const [found] = (await (await ask('GET', `/users?exact=true&username=${username}`)).json()) as {
        id: string
      }[]
      await ask('PUT', `/users/${found!.id}`, { ...found, enabled: false })
    },
  }
}
