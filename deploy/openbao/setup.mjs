#!/usr/bin/env node
// Prepares a Vault or OpenBao for sallyport: mounts, transit keys, policies and AppRoles of the three logins.
// Needs Node 20 and nothing else. Says what it made and what was there; running it again changes nothing.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `usage: setup.mjs --address URL --tenant NAME --group NAME [--group NAME ...] [options]

The administrative token comes from BAO_TOKEN or VAULT_TOKEN, a private CA from NODE_EXTRA_CA_CERTS.

  --address URL       scheme, host and port of the server
  --tenant NAME       the tenant: a-z, 0-9, - and _
  --group NAME        a vault group, by default the name of a server; may be given several times. "login" is the
                      group of people's sign-ins, needed where clients sign in at sallyport
  --name NAME         what the logins are for; default "sallyport"
  --kv PATH           mount of KV version 2; default "sp-kv"
  --transit PATH      mount of transit; default "sp-transit"
  --approle PATH      mount of the AppRole auth method; default "approle"
  --namespace NAME    work in this namespace
  --token-ttl SPAN    life of a login's token; default "20m"
  --secret-dir DIR    make a secret id for each login and write it to DIR/<login>.secret-id (0600), unless it is there
  --json              one JSON object on standard output`

const slug = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const mount = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/
const logins = ['runtime', 'connecting', 'keeper']

class UsageError extends Error {}

function readOptions(args, env) {
  const string = { type: 'string' }
  const { values } = parseArgs({
    args,
    options: {
      address: string,
      tenant: string,
      group: { type: 'string', multiple: true },
      name: { type: 'string', default: 'sallyport' },
      kv: { type: 'string', default: 'sp-kv' },
      transit: { type: 'string', default: 'sp-transit' },
      approle: { type: 'string', default: 'approle' },
      namespace: string,
      'token-ttl': { type: 'string', default: '20m' },
      'secret-dir': string,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return values
  const address = URL.canParse(values.address ?? '') ? new URL(values.address) : undefined
  if (address === undefined || !/^https?:$/.test(address.protocol))
    throw new UsageError('--address: an http or https URL')
  if (!slug.test(values.tenant ?? '')) throw new UsageError('--tenant: a-z, 0-9, - and _, at most 63')
  if (!(values.group ?? []).length || !values.group.every((name) => slug.test(name))) {
    throw new UsageError('--group: at least one, of a-z, 0-9, - and _, at most 63')
  }
  if (!slug.test(values.name)) throw new UsageError('--name: a-z, 0-9, - and _, at most 63')
  for (const name of ['kv', 'transit', 'approle']) {
    if (!mount.test(values[name])) throw new UsageError(`--${name}: letters, digits, -, _ and /`)
  }
  const token = env.BAO_TOKEN || env.VAULT_TOKEN
  if (!token) throw new UsageError('no token: set BAO_TOKEN or VAULT_TOKEN')
  return { ...values, origin: address.origin, token }
}

/** Answers of 200, 204 and, where `allow` names them, others; everything else ends the run. */
function connect({ origin, token, namespace }) {
  return async (method, path, body, allow = []) => {
    let response
    try {
      response = await fetch(`${origin}/v1/${path}`, {
        method,
        redirect: 'manual',
        signal: AbortSignal.timeout(30_000),
        headers: { 'X-Vault-Token': token, ...(namespace ? { 'X-Vault-Namespace': namespace } : {}) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (error) {
      const reason = error.cause?.code ?? error.name
      throw new Error(`${origin} does not answer (${reason}): check --address, and that the server runs`)
    }
    const text = await response.text()
    let answer
    try {
      answer = text === '' ? {} : JSON.parse(text)
    } catch {
      throw new Error(`what answers at ${origin} is no Vault or OpenBao: check --address`)
    }
    if (response.ok || allow.includes(response.status)) return { status: response.status, ...answer }
    const said = (answer.errors ?? []).join('; ') || 'no reason given'
    if (response.status === 503 && /sealed/i.test(said))
      throw new Error('the server is sealed: unseal it first')
    if (response.status === 403)
      throw new Error(`${method} ${path}: refused. The token has to be an administrative one`)
    throw new Error(`${method} ${path}: ${response.status}, ${said}`)
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** A fresh KV mount answers 400 for a moment while it upgrades itself to version 2. */
async function untilUpgraded(work) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= 50 || !/upgrading/i.test(error.message)) throw error
      await pause(200)
    }
  }
}

async function mountEngine(call, path, wanted) {
  const { data } = await call('GET', 'sys/mounts')
  const found = data[`${path}/`]
  if (found === undefined) {
    await call('POST', `sys/mounts/${path}`, wanted)
    return 'made'
  }
  const version = wanted.options?.version
  if (found.type !== wanted.type || (version !== undefined && found.options?.version !== version)) {
    throw new Error(`the mount ${path} is of another type: choose another name`)
  }
  return 'kept'
}

/** Write `wanted` where what is there differs. */
async function settle(call, path, wanted) {
  const { data } = await untilUpgraded(() => call('GET', path))
  if (Object.entries(wanted).every(([name, value]) => data?.[name] === value)) return 'kept'
  await untilUpgraded(() => call('POST', path, wanted))
  return 'changed'
}

async function makeKey(call, path, spec) {
  const found = await call('GET', path, undefined, [404])
  if (found.status === 404) {
    await call('POST', path, spec)
    return 'made'
  }
  if (found.data.type !== spec.type)
    throw new Error(`the key ${path} is of type ${found.data.type}, not ${spec.type}`)
  return 'kept'
}

/** The template with its names filled in; a line that names a group stands once for each. */
export function renderPolicy(template, { kv, transit, tenant, group: groups }) {
  const fill = (line, group) =>
    line
      .replaceAll('{{kv}}', kv)
      .replaceAll('{{transit}}', transit)
      .replaceAll('{{tenant}}', tenant)
      .replaceAll('{{group}}', group)
  return template
    .split('\n')
    .flatMap((line) =>
      line.includes('{{group}}') ? groups.map((group) => fill(line, group)) : [fill(line, '')],
    )
    .join('\n')
}

async function writePolicy(call, name, policy) {
  const found = await call('GET', `sys/policies/acl/${name}`, undefined, [404])
  if (found.status !== 404 && found.data.policy === policy) return 'kept'
  await call('PUT', `sys/policies/acl/${name}`, { policy })
  return found.status === 404 ? 'made' : 'changed'
}

async function enableAppRole(call, path) {
  const { data } = await call('GET', 'sys/auth')
  if (data[`${path}/`]?.type === 'approle') return 'kept'
  if (data[`${path}/`] !== undefined)
    throw new Error(`the auth method ${path} is of another type: choose another name`)
  await call('POST', `sys/auth/${path}`, { type: 'approle' })
  return 'made'
}

async function makeRole(call, path, { policy, ttl }) {
  const found = await call('GET', path, undefined, [404])
  const kept = found.status !== 404 && found.data.token_policies?.includes(policy)
  if (!kept) {
    await call('POST', path, {
      token_policies: [policy],
      token_ttl: ttl,
      token_type: 'service',
      bind_secret_id: true,
    })
  }
  const { data } = await call('GET', `${path}/role-id`)
  return { state: kept ? 'kept' : 'made', roleId: data.role_id }
}

async function makeSecretId(call, path, file) {
  if (existsSync(file)) return 'kept'
  const { data } = await call('POST', `${path}/secret-id`, {})
  writeFileSync(file, data.secret_id, { mode: 0o600, flag: 'wx' })
  return 'made'
}

async function setUp(options, say) {
  const call = connect(options)
  const { kv, transit, approle, tenant, group: groups, name } = options
  const step = async (what, work) => say(what, await work())

  await step(`mount ${kv} (kv, version 2)`, () =>
    mountEngine(call, kv, { type: 'kv', options: { version: '2' } }),
  )
  await step(`${kv}: check-and-set required, two versions`, () =>
    settle(call, `${kv}/config`, { cas_required: true, max_versions: 2 }),
  )
  await step(`mount ${transit} (transit)`, () => mountEngine(call, transit, { type: 'transit' }))
  await step(`${transit}: no key made by encrypting`, () =>
    settle(call, `${transit}/config/keys`, { disable_upsert: true }),
  )

  const wrapping = { type: 'aes256-gcm96', auto_rotate_period: '720h' }
  const index = { type: 'hmac', key_size: 32 }
  for (const group of groups) {
    const kek = `${transit}/keys/kek.${tenant}.${group}`
    await step(`key ${kek}`, () => makeKey(call, kek, wrapping))
    const idx = `${transit}/keys/idx.${tenant}.${group}`
    await step(`key ${idx}`, () => makeKey(call, idx, index))
  }
  await step(`key ${transit}/keys/out.${tenant}`, () =>
    makeKey(call, `${transit}/keys/out.${tenant}`, wrapping),
  )

  await step(`auth method ${approle} (approle)`, () => enableAppRole(call, approle))
  const secretDir = options['secret-dir']
  if (secretDir !== undefined) mkdirSync(secretDir, { recursive: true, mode: 0o700 })
  const made = {}
  for (const login of logins) {
    const policy = `sp.${tenant}.${name}.${login}`
    const template = readFileSync(new URL(`policies/${login}.hcl`, import.meta.url), 'utf8')
    await step(`policy ${policy}`, () => writePolicy(call, policy, renderPolicy(template, options)))
    const path = `auth/${approle}/role/${policy}`
    const { state, roleId } = await makeRole(call, path, { policy, ttl: options['token-ttl'] })
    say(`role ${path}`, state)
    made[login] = { role_id: roleId }
    if (secretDir === undefined) continue
    const file = join(secretDir, `${login}.secret-id`)
    await step(`secret id in ${file}`, () => makeSecretId(call, path, file))
    made[login].secret_id_file = file
  }
  return made
}

async function main() {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options.help) return process.stdout.write(`${usage}\n`)
  const steps = []
  const made = await setUp(options, (step, state) => {
    steps.push({ step, state })
    if (!options.json) process.stdout.write(`${state.padEnd(8)} ${step}\n`)
  })
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ok: true, address: options.origin, steps, logins: made })}\n`)
    return
  }
  for (const [login, { role_id: role }] of Object.entries(made))
    process.stdout.write(`role id  ${login}: ${role}\n`)
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  main().catch((error) => {
    const misuse = error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS')
    process.stderr.write(`setup.mjs: ${error.message}${misuse ? `\n\n${usage}` : ''}\n`)
    process.exitCode = misuse ? 2 : 1
  })
}
