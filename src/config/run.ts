import type { Path } from './document.ts'
import type { Expanded } from './expanded.ts'
import type { Expanding, RunCommand } from './expanding.ts'
import { isSecretReference, type Sources, variableOf } from './references.ts'

/** What a program mostly needs of its surroundings, and what holds no secret by custom. */
const usual = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TERM', 'NO_COLOR', 'LANG', 'LANGUAGE', 'TZ'],
  ...['TMPDIR', 'TMP', 'TEMP', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME'],
  ...['NODE_ENV', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
])

/** Names that say themselves that they hold a secret, in whatever case. */
const secretName =
  /TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|APIKEY|COOKIE|(?:^|_)(?:KEYS?|PASS|PWD|PAT|AUTH|DSN|JWT)(?:_|$)/i

/** Which server it is; faults for one that cannot be run, and for variables that would show it a secret. */
export function checkRun(config: Expanded, { run, report, sources }: Expanding): void {
  if (run === undefined) return
  const names = Object.keys(config.servers)
  const name = runServer(config, run)
  if (name === undefined)
    report.fault(['--server'], 'it does not say which server is run', `give one of: ${names.join(', ')}`)
  else if (config.servers[name]?.url !== undefined)
    report.fault(
      ['servers', name, 'url'],
      'this server is reached by its address, and run would start another',
      'remove the address, or start sallyport without run',
    )
  const secrets = secretVariables(report.document.value)
  for (const variable of run.env) {
    const path: Path = ['--env', variable]
    if (secrets.has(variable))
      report.fault(path, 'the configuration takes a secret from this variable', 'do not name it')
    else if (secretName.test(variable) || variable.startsWith('SALLYPORT_'))
      report.fault(
        path,
        'the name says that a secret is in it, and a server needs none',
        'let the server ask through the egress, or give the variable another name',
      )
    else if (sources.env[variable] === undefined)
      report.fault(path, 'the variable is not set', 'set it, or do not name it')
  }
}

export function runServer({ servers }: Expanded, { server }: RunCommand): string | undefined {
  const names = Object.keys(servers)
  if (server === undefined) return names.length === 1 ? names[0] : undefined
  return names.find((name) => name === server)
}

/**
 * The environment of the program: the usual variables and those that were named, and of these none from which the configuration
 * takes a secret, whose name says that it is one, or which holds the value of a secret under another name.
 */
export function runEnvironment(
  { env: named }: RunCommand,
  env: Sources['env'],
  document: unknown,
): Readonly<Record<string, string>> {
  const secrets = secretVariables(document)
  const values = [...secrets].map((name) => env[name] ?? '').filter((value) => value !== '')
  const may = (name: string): boolean =>
    (usual.has(name) || name.startsWith('LC_') || named.includes(name)) &&
    !secrets.has(name) &&
    !secretName.test(name) &&
    !name.startsWith('SALLYPORT_')
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && may(name) && !values.some((secret) => value.includes(secret))
        ? [[name, value]]
        : [],
    ),
  )
}

/** The variables that stand where a secret belongs. */
function secretVariables(value: unknown, path: Path = []): Set<string> {
  if (typeof value === 'string') {
    const name = isSecretReference(value, path) ? variableOf(value) : undefined
    return new Set(name === undefined ? [] : [name])
  }
  if (typeof value !== 'object' || value === null) return new Set()
  const found = Object.entries(value).flatMap(([key, inner]) => [...secretVariables(inner, [...path, key])])
  return new Set(found)
}
