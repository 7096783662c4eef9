import type { SallyportError } from './error.ts'

/** An answer ready for the wire. */
export interface Rendered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function retryHeader(error: SallyportError): Record<string, string> {
  if (error.row.next !== 'retry') return {}
  return { 'retry-after': String(error.facts.retryAfter ?? 1) }
}

/**
 * Problem details (RFC 9457) with `code` and `request_id`: the answer of the egress and of `/v1`. Field and remedy
 * are for operators only.
 */
export function renderProblem(
  error: SallyportError,
  requestId: string,
  reader: 'caller' | 'operator' = 'caller',
): Rendered {
  const { row, code, facts } = error
  const challenge =
    row.status === 401
      ? { 'www-authenticate': `Bearer${row.oauth === undefined ? '' : ` error="${row.oauth}"`}` }
      : {}
  return {
    status: row.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...retryHeader(error),
      ...challenge,
    },
    body: JSON.stringify({
      type: `https://sallyport.dev/errors/${code}`,
      title: row.sentence,
      status: row.status,
      code,
      next: row.next,
      request_id: requestId,
      ...(facts.downstream === undefined ? {} : { downstream: facts.downstream }),
      ...(facts.server === undefined ? {} : { server: facts.server }),
      ...(facts.rule === undefined ? {} : { rule: facts.rule }),
      ...(facts.scope === undefined ? {} : { scope: facts.scope }),
      ...(facts.connectUrl === undefined ? {} : { connect_url: facts.connectUrl }),
      ...(reader === 'operator' && facts.field !== undefined ? { field: facts.field } : {}),
      ...(reader === 'operator' && facts.remedy !== undefined ? { remedy: facts.remedy } : {}),
    }),
  }
}

/** The same where the caller's token belongs in `Proxy-Authorization`: 407 instead of 401 (RFC 9110 §15.5.8). */
export function renderProxyProblem(error: SallyportError, requestId: string): Rendered {
  const rendered = renderProblem(error, requestId)
  if (rendered.status !== 401) return rendered
  const { 'www-authenticate': bearer = 'Bearer', ...headers } = rendered.headers
  return {
    status: 407,
    headers: { ...headers, 'proxy-authenticate': `Basic realm="sallyport", ${bearer}` },
    body: JSON.stringify({ ...(JSON.parse(rendered.body) as object), status: 407 }),
  }
}

/** The token endpoint's answer (RFC 6749 §5.2): 400 for everything of the request, 401 for client authentication. */
export function renderOAuth(error: SallyportError, requestId: string): Rendered {
  const { row, code, facts } = error
  const description = facts.hint === undefined ? row.sentence : `${row.sentence} ${facts.hint}`
  const fallback = row.status >= 500 ? 'server_error' : 'invalid_request'
  const named = row.oauth === 'invalid_token' ? 'invalid_request' : (row.oauth ?? fallback)
  const oauth = facts.oauth ?? named
  // What OAuth has no word for (a foreign Host, a browser) and what may be tried again keeps the status of HTTP.
  const keeps = row.status >= 500 || row.oauth === undefined || row.next === 'retry'
  const other = keeps ? row.status : 400
  const status = oauth === 'invalid_client' ? 401 : other
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      ...retryHeader(error),
      ...(status === 401 ? { 'www-authenticate': 'Basic realm="sallyport"' } : {}),
    },
    body: JSON.stringify({ error: oauth, error_description: description, code, request_id: requestId }),
  }
}
