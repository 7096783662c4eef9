import { z } from 'zod'
import { caps, loops } from './caps.ts'
import { downstream } from './downstream.ts'
import { login, workload } from './login.ts'
import { client, signIn } from './sign-in.ts'
import {
  addressBlock,
  duration,
  fileReference,
  insecure,
  label,
  listenAddress,
  secretReference,
  slug,
  thingName,
  url,
} from './scalars.ts'
import { oneServer, server } from './server.ts'

const vaultLogin = z.strictObject({
  token: secretReference.optional().describe('A token: `file:` or `${ENV}`.'),
  approle: z
    .strictObject({
      role: label.describe('The role id.'),
      secret: secretReference.describe('The secret id: `file:` or `${ENV}`.'),
      mount: label.optional().meta({ description: 'Where AppRole is mounted.', default: 'approle' }),
    })
    .optional()
    .describe('AppRole; logs in again by itself.'),
})

const vault = z.strictObject({
  address: z
    .union([url, z.array(url).min(1)])
    .describe('Vault or OpenBao: what leads to the active node, or a list of all nodes.'),
  insecure,
  namespace: label.optional().describe('The namespace, where there are any.'),
  ca: z.string().optional().describe('Path of a CA bundle in PEM.'),
  mounts: z
    .strictObject({
      kv: label.optional().meta({ description: 'The KV v2 mount.', default: 'sp-kv' }),
      transit: label.optional().meta({ description: 'The Transit mount.', default: 'sp-transit' }),
    })
    .optional()
    .describe('Names of the two mounts.'),
  login: vaultLogin.optional().describe('One login for everything. `logins` keeps the three roles apart.'),
  logins: z
    .strictObject({
      runtime: vaultLogin.describe('Reads and updates grants.'),
      connecting: vaultLogin.describe('Creates keys and grants.'),
      keeper: vaultLogin.describe('Destroys, and keeps what waits for a provider.'),
    })
    .optional()
    .describe('Three logins, each refused on the paths of the others.'),
})

const listen = z.strictObject({
  egress: listenAddress
    .optional()
    .meta({ description: 'For the MCP server beside.', default: '127.0.0.1:9180' }),
  gateway: listenAddress
    .optional()
    .meta({ description: 'For MCP clients, where a server has a `url`.', default: '127.0.0.1:9181' }),
  public: listenAddress.optional().meta({
    description:
      'Sign-in and the pages for people, where there is a client at the IdP. The gateway answers the same.',
    default: '127.0.0.1:9182',
  }),
  admin: listenAddress
    .optional()
    .meta({ description: '`/v1` and the command line.', default: '127.0.0.1:9183' }),
  telemetry: listenAddress.optional().meta({ description: 'Health and metrics.', default: '127.0.0.1:9185' }),
})

export const configSchema = z
  .strictObject({
    url: url
      .optional()
      .describe(
        'Where sallyport is reached; issuer and resources follow from it. dev: `http://127.0.0.1:9180`.',
      ),
    tenant: slug
      .optional()
      .meta({ description: 'Whose data this is; part of every key and record.', default: 'default' }),
    environment: slug
      .optional()
      .meta({ description: 'Stands in tokens and records.', default: 'production' }),
    login: login.optional().describe('Who says who a person is. dev: a built-in sign-in.'),
    workloads: z.array(workload).optional().describe('Who says which workload asks.'),
    clients: z
      .record(thingName, client)
      .optional()
      .describe(
        'MCP clients by the name that rules know them by (`"client:…"`), besides those of the built-in catalogue.',
      ),
    sign_in: signIn.optional().describe('How MCP clients sign people in, where `login.mode` is `broker`.'),
    ...oneServer,
    servers: z
      .record(thingName, server)
      .optional()
      .describe('Several MCP servers by name, instead of the short form.'),
    downstreams: z
      .record(thingName, downstream)
      .optional()
      .describe('The systems that servers call, by name.'),
    caps: caps
      .optional()
      .describe(
        'How many tool calls may be made, at all servers together. Each principal has at most 100 open at once, unless a cap `per: principal` says another `concurrent`.',
      ),
    loops: loops
      .optional()
      .describe(
        'Refuse the same call (principal, session, tool and parameters) where it comes again and again, or `off`.',
      ),
    data: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Folder of state, records and the local store.', default: './data' }),
    key: z
      .union([
        fileReference,
        z.strictObject({ passphrase: secretReference.describe('A passphrase: `file:` or `${ENV}`.') }),
      ])
      .optional()
      .describe(
        'Wraps the local store: `file:` with at least 32 random bytes outside `data`, or a passphrase. dev: a throwaway key.',
      ),
    vault: vault.optional().describe('Keep grants in Vault or OpenBao instead of encrypted files.'),
    listen: listen.optional().describe('`host:port`, `unix:/path`, or `{ address, insecure }`.'),
    record: z
      .strictObject({
        reads: z
          .enum(['handed', 'synced'])
          .optional()
          .meta({ description: 'How safe the record of a read is before the reply.', default: 'handed' }),
        retention: duration.optional().describe('How long sealed segments are kept. Default: for ever.'),
      })
      .optional()
      .describe('The record of what was done.'),
    session: z
      .strictObject({
        lifetime: duration
          .optional()
          .meta({ description: 'Life of a session token; 30s to 900s.', default: '300s' }),
        key_rotation: duration
          .optional()
          .meta({ description: 'How long a key signs session tokens; 10m to 30d.', default: '12h' }),
        algorithm: z
          .enum(['EdDSA', 'ES256'])
          .optional()
          .meta({ description: 'How session tokens are signed.', default: 'EdDSA' }),
      })
      .optional()
      .describe('Session tokens.'),
    network: z
      .strictObject({
        allow: z
          .array(addressBlock)
          .optional()
          .describe('Addresses that may be dialled although the guard refuses their range.'),
        deny: z.array(addressBlock).optional().describe('Addresses that may never be dialled; wins.'),
        client: z.enum(['http1', 'undici']).optional().meta({
          description: 'What speaks HTTP/1.1 to downstreams: our client, or undici.',
          default: 'http1',
        }),
      })
      .optional()
      .describe('How downstreams are reached, and which resolved addresses may be dialled.'),
    limits: z
      .strictObject({
        connect: duration.optional().meta({ description: 'To connect to a downstream.', default: '5s' }),
        headers: duration
          .optional()
          .meta({ description: 'Until a downstream begins to answer.', default: '60s' }),
        idle: duration
          .optional()
          .meta({ description: 'Without a byte of a downstream’s answer.', default: '300s' }),
        tunnel: duration
          .optional()
          .meta({ description: 'The longest that a tunnel (`connect`) may be open.', default: '1h' }),
        tunnels: z
          .int()
          .min(1)
          .max(10_000)
          .optional()
          .meta({ description: 'How many tunnels may be open at once.', default: 100 }),
        call: duration
          .optional()
          .meta({ description: 'The longest that a tool call may be open.', default: '300s' }),
        message: z
          .int()
          .min(1024)
          .max(67_108_864)
          .optional()
          .meta({ description: 'Bytes of the longest MCP message, event or list.', default: 4_194_304 }),
        requests: z
          .int()
          .min(1)
          .max(100_000)
          .optional()
          .meta({ description: 'How many requests a tool call may make downstream.', default: 100 }),
        arguments: z
          .int()
          .min(1024)
          .max(67_108_864)
          .optional()
          .meta({ description: 'Bytes of the parameters of a tool call, as JSON.', default: 262_144 }),
        result: z.int().min(1024).max(1_073_741_824).optional().meta({
          description: 'Bytes of the answer to a tool call, all of a stream together.',
          default: 16_777_216,
        }),
        streams: z.int().min(1).max(100_000).optional().meta({
          description:
            'How many requests one principal may have open at the gateway at once, streams among them.',
          default: 100,
        }),
        children: z.int().min(1).max(10_000).optional().meta({
          description:
            '`sallyport run`: how many processes of the server there may be at once. One principal has a quarter of them at most.',
          default: 32,
        }),
        child_idle: duration.optional().meta({
          description: '`sallyport run`: how long a process is kept that nobody asks anything of.',
          default: '30m',
        }),
      })
      .optional()
      .describe('Timeouts, at least 1s each, and caps.'),
    log: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error'])
          .optional()
          .meta({ description: 'What is logged.', default: 'info' }),
      })
      .optional()
      .describe('The log on stderr.'),
  })
  .meta({ title: 'sallyport configuration' })

/** A configuration as it was written: short forms, references and all. */
export type WrittenConfig = z.infer<typeof configSchema>
