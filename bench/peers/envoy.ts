import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { audience, issuer } from '../tokens.ts'
import { startPeerDaemon } from './daemon.ts'
import { bearerOf, type Contender, injectedValue, type Peer, type Setup } from './peer.ts'

/** `jwt_authn` and `credential_injector`, as they come or with the cache of verified tokens on. */
function envoyPeer(name: string, cache: object): Peer {
  return {
    name,
    injects: bearerOf(injectedValue),
    verifies: true,
    start: async (setup) => {
      const { tokens, folder } = setup
      writeFileSync(join(folder, 'secret.json'), JSON.stringify({ resources: [secret] }))
      return startEnvoy(setup, filters(tokens.jwk, folder, cache))
    },
  }
}

/** One listener before the upstream, with these filters. */
export async function startEnvoy(
  { tools, tokens, folder, upstream }: Setup,
  httpFilters: readonly object[],
): Promise<Contender> {
  const port = await freePort()
  const file = join(folder, 'envoy.json')
  writeFileSync(file, JSON.stringify(configuration(port, upstream, httpFilters)))
  return startPeerDaemon({
    program: tools.envoy,
    args: ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'],
    logFile: join(folder, 'envoy.log'),
    port,
    token: tokens.good,
    killed: true,
  })
}

export const envoy = envoyPeer('envoy', {})
export const envoyCache = envoyPeer('envoy-cache', { jwt_cache_config: { jwt_cache_size: 1000 } })

const extension = (name: string) => `type.googleapis.com/envoy.extensions.${name}`

const secret = {
  '@type': extension('transport_sockets.tls.v3.Secret'),
  name: 'credential',
  generic_secret: { secret: { inline_string: `Bearer ${injectedValue}` } },
}

function configuration(port: number, upstream: string, httpFilters: readonly object[]): object {
  const next = new URL(upstream)
  return {
    node: { id: 'bench', cluster: 'bench' },
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [{ filters: [manager(httpFilters)] }],
        },
      ],
      clusters: [
        {
          name: 'next',
          type: 'STATIC',
          connect_timeout: '5s',
          circuit_breakers: {
            thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }],
          },
          load_assignment: {
            cluster_name: 'next',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(next) } }] }],
          },
        },
      ],
    },
  }
}

const address = (url: URL) => ({
  socket_address: { address: url.hostname, port_value: Number(url.port) },
})

const manager = (httpFilters: readonly object[]) => ({
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': extension('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    stream_idle_timeout: '0s',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'next', timeout: '0s' } }],
        },
      ],
    },
    http_filters: httpFilters,
  },
})

export const routerFilter = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': extension('filters.http.router.v3.Router') },
}

const filters = (jwk: object, folder: string, cache: object) => [
  {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': extension('filters.http.jwt_authn.v3.JwtAuthentication'),
      providers: {
        bench: {
          issuer,
          audiences: [audience],
          forward: false,
          local_jwks: { inline_string: JSON.stringify({ keys: [jwk] }) },
          ...cache,
        },
      },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'bench' } }],
    },
  },
  {
    name: 'envoy.filters.http.credential_injector',
    typed_config: {
      '@type': extension('filters.http.credential_injector.v3.CredentialInjector'),
      overwrite: true,
      credential: {
        name: 'envoy.http.injected_credentials.generic',
        typed_config: {
          '@type': extension('http.injected_credentials.generic.v3.Generic'),
          credential: {
            name: 'credential',
            sds_config: {
              path_config_source: { path: join(folder, 'secret.json') },
              resource_api_version: 'V3',
            },
          },
        },
      },
    },
  },
  routerFilter,
]
