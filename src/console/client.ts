import { readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { SallyportError } from '../model/index.ts'

/** Where a running instance answers administrators; written beside its admin capability at each start. */
export interface AdminEndpoint {
  readonly url: string
  readonly capability: string
}

/** The names of the files in `<data>/run` by which a verb finds the running instance. */
export const runFiles = { endpoint: 'admin.json', capability: 'admin.cap' } as const

/** @throws state_unavailable when no instance runs on this data folder, or its capability may not be read */
export function findInstance(data: string): AdminEndpoint {
  try {
    const { url } = JSON.parse(readFileSync(join(data, 'run', runFiles.endpoint), 'utf8')) as { url: string }
    const capability = readFileSync(join(data, 'run', runFiles.capability), 'utf8').trim()
    return { url, capability }
  } catch (error) {
    throw new SallyportError(
      'state_unavailable',
      {
        field: '--data',
        remedy: 'start sallyport, name its data folder with --data, and run as the same user',
      },
      error,
    )
  }
}

export interface AdminAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** One call to `/v1`. An answer of 4xx or 5xx is returned, not thrown. */
export async function callAdmin(
  endpoint: AdminEndpoint,
  call: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: unknown },
): Promise<AdminAnswer> {
  const socket = endpoint.url.startsWith('unix:') ? endpoint.url.slice(5) : undefined
  const target = socket === undefined ? new URL(call.path, endpoint.url) : undefined
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      {
        method: call.method,
        path: call.path,
        ...(target === undefined
          ? { socketPath: socket, host: 'localhost' }
          : { host: target.hostname, port: target.port }),
        headers: {
          ...(socket === undefined ? {} : { host: 'localhost' }),
          authorization: `Bearer ${endpoint.capability}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        },
      },
      resolve,
    )
    outgoing.on('error', (error) =>
      reject(
        new SallyportError(
          'state_unavailable',
          { remedy: 'the instance that the data folder names does not answer' },
          error,
        ),
      ),
    )
    outgoing.end(payload)
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return {
    status: response.statusCode ?? 0,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  }
}
