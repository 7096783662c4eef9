import { authenticationOf, clientSteps, Issuers, redirectOf, tokenSource } from './clients.ts'
import { credentialStep, installationStep } from './credentials.ts'
import { callStep, downstreamStep, serverStep } from './downstream.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding } from './finding.ts'
import { idpNames } from './idp.ts'
import { machineStep } from './machine.ts'
import { publicUrlStep } from './public-url.ts'
import type { Step } from './step.ts'
import { vaultStep } from './vault.ts'

function addLogin(issuers: Issuers, at: Examination): void {
  const { login, workloads } = at.config
  if (!login.builtIn) {
    const { issuer, client, mode } = login
    const tokens = client === undefined ? [] : ['token_endpoint']
    issuers.add({
      issuer,
      field: 'login.issuer',
      client: client === undefined ? undefined : 'login.client',
      authentication: client === undefined ? undefined : authenticationOf(client),
      endpoints: ['jwks_uri', ...tokens, ...(mode === 'broker' ? ['authorization_endpoint'] : [])],
    })
  }
  for (const [index, { issuer }] of workloads.entries()) {
    const field = `workloads[${index}].issuer`
    issuers.add({ issuer, field, client: undefined, authentication: undefined, endpoints: ['jwks_uri'] })
  }
}

/** What somebody has to type in at the IdP, exactly. */
function redirectStep(issuers: Issuers, { config }: Examination): Step {
  const { login, url, downstreams } = config
  return {
    name: 'redirect URIs',
    needs: [],
    run: async () => {
      const found: Finding[] = []
      if (login.mode === 'broker' && !login.builtIn) {
        const where = idpNames[issuers.kind(login.issuer)]
        found.push(finding('redirect_needed', { where, redirect: redirectOf(url, 'login') }))
      }
      for (const { name, credential } of downstreams) {
        // A client that registers itself says it there itself.
        if (credential.kind !== 'linked' || credential.client === undefined) continue
        const where = `${credential.provider ?? 'the authorization server'} of ${name}`
        found.push(finding('redirect_needed', { where, redirect: redirectOf(url, 'connect') }))
      }
      return found
    },
  }
}

/** The walk: from the machine outwards, and what needs others after them. */
export function planOf(at: Examination): readonly Step[] {
  const { config, words } = at
  const issuers = new Issuers(at)
  addLogin(issuers, at)
  const ours = clientSteps(issuers, at)
  const credentials: Step[] = []
  for (const downstream of config.downstreams) {
    const { credential } = downstream
    if (credential.kind === 'github-app') credentials.push(installationStep(downstream, credential, at))
    const source = tokenSource(credential)
    if (source === undefined) continue
    const client = ours.get(`${source.issuer} ${source.client.id}`)
    const needs = client === undefined ? [] : [...client.needs, client.name]
    credentials.push(
      credentialStep({ downstream, source, needs, idp: () => issuers.kind(source.issuer) }, at),
    )
  }
  return [
    machineStep(at),
    ...issuers.steps,
    ...ours.values(),
    ...credentials,
    redirectStep(issuers, at),
    publicUrlStep(at),
    vaultStep(at),
    ...config.servers.flatMap(({ name, url }) => (url === undefined ? [] : [serverStep(name, url, at)])),
    ...config.downstreams.map((downstream) => downstreamStep(downstream, at)),
    ...words.calls.map((call) => callStep(call, at)),
  ]
}
