/** One scenario of the suite's client leg: sallyport is the OAuth client, and what it does is what is judged. */
import { errorTable, type ErrorCode } from '../../../src/model/index.ts'
import { through } from '../../kit/through.ts'
import type { Revision } from '../suite.ts'
import { person, type Sallyport, type Settings, startSallyport } from './instance.ts'
import { type Answer, converse, send } from './mcp.ts'

export interface Scenario {
  readonly name: string
  /** The MCP endpoint of the scenario. */
  readonly url: string
  readonly revision: Revision
  /** What the scenario gives to whom it knows. */
  readonly context: Readonly<Record<string, string>>
}

/** Where sallyport has to refuse what it is told, and what it says then. Nothing may be kept. */
const refusals: Readonly<Record<string, ErrorCode>> = {
  'auth/resource-mismatch': 'exchange_misconfigured',
  'auth/metadata-issuer-mismatch': 'exchange_misconfigured',
  'auth/iss-supported-missing': 'connect_failed',
  'auth/iss-wrong-issuer': 'connect_failed',
  'auth/iss-unexpected': 'connect_failed',
  'auth/iss-normalized': 'connect_failed',
}

/** The suite knows a client that has its metadata here. */
const homes: Readonly<Record<string, string>> = { 'auth/basic-cimd': 'https://conformance-test.local' }

/** More agreements than this are a circle: what ends them has to be sallyport. */
const mostAgreements = 10

class Refused extends Error {}

/** Throws where sallyport did something else than the scenario has to end with. */
export async function actAsClient(scenario: Scenario): Promise<void> {
  const sallyport = await startSallyport(await settingsFor(scenario))
  try {
    const wanted = refusals[scenario.name]
    const said = await converseThrough(sallyport, scenario).catch((error: unknown) => {
      if (error instanceof Refused) return error.message
      throw error
    })
    if (wanted === undefined && said !== undefined) throw new Error(`refused: ${said}`)
    if (wanted !== undefined) await checkRefusal(sallyport, wanted, said)
  } finally {
    await sallyport.stop()
  }
}

async function checkRefusal(
  { instance }: Sallyport,
  wanted: ErrorCode,
  said: string | undefined,
): Promise<void> {
  if (said?.includes(errorTable[wanted].sentence) !== true)
    throw new Error(`${wanted} was to be said, not: ${said ?? 'nothing'}`)
  const kept = await instance.state.connections.list(instance.config.tenant, undefined)
  if (kept.length > 0) throw new Error('something was kept')
}

/** The calls of a client; for each link that comes back, the person goes there and agrees. */
async function converseThrough(sallyport: Sallyport, scenario: Scenario): Promise<undefined> {
  const { egress, token } = sallyport
  const endpoint = { url: `${egress}/downstream/scenario`, token, revision: scenario.revision }
  let id = 0
  let agreements = 0
  await converse(scenario.revision, async (method, params = {}) => {
    for (;;) {
      const answer = await send(endpoint, { id: ++id, method, params })
      const link = answer.message['connect_url']
      if (typeof link !== 'string') {
        checkAnswer(answer, method, scenario)
        return answer
      }
      if (++agreements > mostAgreements) throw new Error('the person is asked without end')
      await agree(sallyport, link)
    }
  })
}

function checkAnswer({ status, message }: Answer, method: string, { name }: Scenario): void {
  // Nobody can be asked for more than he was: the refusal is the server's own.
  if (name === 'auth/scope-retry-limit' && method !== 'initialize' && status === 403) return
  const isRequest = !method.startsWith('notifications/')
  if (isRequest ? status !== 200 || message['result'] === undefined : status !== 202)
    throw new Error(`${method}: ${status} ${JSON.stringify(message)}`)
}

async function agree({ browser }: Sallyport, link: string): Promise<void> {
  const { status, says } = await through(browser, link, { as: person })
  if (status !== 200 || !says.includes('scenario is connected')) throw new Refused(says)
}

/** The downstream as somebody would configure it who knows what the scenario tells its client. */
async function settingsFor({ name, url, context }: Scenario): Promise<Settings> {
  const credential = await credentialFor(name, url, context)
  return {
    url: homes[name],
    files: credential.files ?? {},
    downstream: `  scenario:
    url: ${url}
    ${credential.line}
    operations: [{ op: "POST /", class: read }]`,
  }
}

interface Credential {
  readonly line: string
  readonly files?: Readonly<Record<string, string>>
}

async function credentialFor(name: string, url: string, context: Scenario['context']): Promise<Credential> {
  const { client_id: id, client_secret: secret = '', private_key_pem: key = '' } = context
  if (id === undefined) return { line: 'oauth: {}' }
  const issuer = await issuerOf(url)
  switch (name) {
    case 'auth/pre-registration':
      return {
        line: `oauth: { issuer: "${issuer}", client: { id: ${id}, secret: file:secret } }`,
        files: { secret },
      }
    case 'auth/client-credentials-basic':
      return {
        line: `client-credentials: { issuer: "${issuer}", resource: "${url}", client: { id: ${id}, secret: file:secret } }`,
        files: { secret },
      }
    case 'auth/client-credentials-jwt':
      return {
        line: `client-credentials: { issuer: "${issuer}", resource: "${url}", client: { id: ${id}, key: file:key } }`,
        files: { key },
      }
    default:
      throw new Error(`sallyport has no credential for ${name}`)
  }
}

/** Whoever registers a client knows where; here the scenario's own metadata tells. */
async function issuerOf(url: string): Promise<string> {
  const { origin, pathname } = new URL(url)
  const answer = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)
  const { authorization_servers: [issuer] = [] } = (await answer.json()) as {
    authorization_servers?: string[]
  }
  if (issuer === undefined) throw new Error('the scenario names no authorization server')
  return issuer
}
