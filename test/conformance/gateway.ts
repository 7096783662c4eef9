import { startProxy } from './proxy.ts'

export interface Gateway {
  /** The endpoint for callers without a token. */
  readonly url: string
  /** The same behind something that adds a bearer token to every request. */
  readonly bearerUrl?: string
  stop(): Promise<void>
}

/** What the suite is run through. For now a proxy that changes nothing stands where the gateway will. */
export async function startGateway(upstream: string): Promise<Gateway> {
  const gateway = await startProxy(upstream)
  const withBearer = await startProxy(gateway.url, 'a-token-that-nobody-reads')
  return {
    url: gateway.url,
    bearerUrl: withBearer.url,
    stop: async () => {
      await withBearer.stop()
      await gateway.stop()
    },
  }
}
