import type { FetchAnswer } from '../../model/index.ts'
import { wellKnown } from '../../identity/index.ts'
import { clockOfAnswer } from './clock.ts'
import { diagnoseConnection, type Place, systemTrust } from './connection.ts'
import type { Examination } from './examined.ts'
import { finding } from './finding.ts'
import type { Metadata } from './idp.ts'
import { diagnoseMetadata, type MetadataTerms } from './metadata.ts'
import type { Step } from './step.ts'

/** An issuer that is asked for tokens or keys, and the setting that names it. */
export interface Issuer extends MetadataTerms {
  readonly name: string
}

const whose = (url: string, field: string): Place => ({
  what: field,
  url,
  field,
  trust: systemTrust,
})

type Read =
  | { readonly metadata: Metadata; readonly answer: FetchAnswer }
  | { readonly status: number; readonly answer: FetchAnswer | undefined }

/** OpenID's form first, as everything here that looks for keys or endpoints does. */
async function read(issuer: string, { tools }: Examination): Promise<Read> {
  let status = 0
  let last: FetchAnswer | undefined
  for (const url of wellKnown(issuer)) {
    const answer = await tools.fetch(url, { headers: { accept: 'application/json' } })
    last ??= answer
    if (status === 0 || answer.status === 200) status = answer.status
    const metadata = answer.status === 200 ? parse(await answer.text()) : undefined
    if (metadata !== undefined) return { metadata, answer }
  }
  return { status, answer: last }
}

function parse(text: string): Metadata | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Metadata) : undefined
  } catch {
    return undefined
  }
}

function allowEndpoint(endpoint: unknown, { tools }: Examination): void {
  const url = typeof endpoint === 'string' ? URL.parse(endpoint) : null
  if (url?.protocol === 'https:') tools.allowOrigin(url.origin)
}

/** Reaches an issuer and reads what it says of itself; `keep` is told the metadata. */
export function issuerStep(issuer: Issuer, at: Examination, keep: (metadata: Metadata) => void): Step {
  const { field } = issuer
  return {
    name: issuer.name,
    needs: [],
    run: async () => {
      try {
        await at.tools.reach(new URL(issuer.issuer).origin)
      } catch (error) {
        const { code, words } = diagnoseConnection(error, whose(issuer.issuer, field), at.words.seconds)
        return [finding(code, words)]
      }
      const found = await read(issuer.issuer, at)
      const time = field === 'login.issuer' ? clockOfAnswer(found.answer, at) : []
      if (!('metadata' in found)) {
        const { status } = found
        const code =
          status >= 500 ? 'metadata_failing' : status === 200 ? 'metadata_unreadable' : 'metadata_absent'
        return [...time, finding(code, { field, status })]
      }
      keep(found.metadata)
      // A sign-in follows trusted metadata to another host of the IdP; exchanges do not.
      if (field === 'login.issuer') allowEndpoint(found.metadata['token_endpoint'], at)
      return [
        ...time,
        ...diagnoseMetadata(found.metadata, issuer).map(({ code, words }) => finding(code, words)),
      ]
    },
  }
}
