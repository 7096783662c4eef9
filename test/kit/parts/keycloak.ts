import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cached, offline } from './cache.ts'
import { type Daemon, freePort, startDaemon, untilReady } from './process.ts'
import { run, say } from './run.ts'
import { findJava, findMaven, hasJava } from './tools.ts'

const version = '26.7.3'
const archiveSha256 = '77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47'
const mavenPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'
/** Beyond what the version enables by itself. Part of the name in the cache: another list is another build. */
const features: readonly string[] = []

/** Nothing here runs long enough to repay the second compiler. */
const quick = '-XX:TieredStopAtLevel=1'

const realmFile = new URL('../keycloak/realm.json', import.meta.url)
export const admin = { user: 'admin', password: 'admin' } as const

export interface Keycloak {
  readonly baseUrl: string
  stop(): Promise<void>
}

interface Distribution {
  readonly home: string
  /** The database with the realm in it, as it is after the import. */
  readonly database: string
}

const digest = (text: string | Buffer) => createHash('sha256').update(text).digest('hex').slice(0, 12)

/** Keycloak from Maven Central, unpacked and built, with the realm imported. `undefined`: offline and not in the cache. */
export async function obtainKeycloak(): Promise<Distribution | undefined> {
  if (offline() && !hasJava()) return undefined
  const name = `keycloak-${version}${features.length === 0 ? '' : `-${digest(features.join())}`}`
  const home = await cached(name, download)
  if (home === undefined) return undefined
  const imported = await cached(`${name}-realm-${digest(readFileSync(realmFile))}`, (into) =>
    importRealm(home, into),
  )
  return imported === undefined ? undefined : { home, database: join(imported, 'keycloakdb.mv.db') }
}

async function download(home: string): Promise<void> {
  const artifact = 'keycloak-quarkus-dist'
  const archive = join(home, `${artifact}-${version}.tar.gz`)
  const java = await findJava()
  await run({
    what: `Keycloak ${version}: downloading with Maven (176 MB)`,
    program: await findMaven(),
    args: [
      ...['--batch-mode', '--quiet', `-Dmaven.repo.local=${join(home, 'm2')}`, mavenPlugin],
      ...[`-Dartifact=org.keycloak:${artifact}:${version}:tar.gz`, `-DoutputDirectory=${home}`],
    ],
  })
  const hash = createHash('sha256')
  await pipeline(createReadStream(archive), hash)
  const sum = hash.digest('hex')
  if (sum !== archiveSha256)
    throw new Error(`Keycloak ${version}: the archive has SHA-256 ${sum}, not ${archiveSha256}`)
  await run({
    what: `Keycloak ${version}: unpacking`,
    program: 'tar',
    args: ['-xzf', archive, '-C', home, '--strip-components=1'],
  })
  await rm(archive)
  await rm(join(home, 'm2'), { recursive: true })
  const list = features.length === 0 ? [] : [`--features=${features.join()}`]
  await run({
    what: `Keycloak ${version}: building`,
    program: join(home, 'bin', 'kc.sh'),
    args: ['build', '--db=dev-file', ...list],
    env: { JAVA: java, JAVA_OPTS_APPEND: quick },
  })
}

/** A first start makes the schema and both realms, which takes most of its time; later starts copy the result. */
async function importRealm(home: string, into: string): Promise<void> {
  say(`Keycloak ${version}: importing the realm …`)
  const folder = await runFolder(home)
  await mkdir(join(folder, 'data', 'import'))
  await copyFile(realmFile, join(folder, 'data', 'import', 'acme-realm.json'))
  const { daemon } = await launch(folder, ['--import-realm'])
  // H2 has written everything when the process has ended by itself.
  await daemon.stop()
  await copyFile(join(folder, 'data', 'h2', 'keycloakdb.mv.db'), join(into, 'keycloakdb.mv.db'))
  await rm(folder, { recursive: true })
  say(`Keycloak ${version}: realm imported`)
}

export async function startKeycloak({ home, database }: Distribution): Promise<Keycloak> {
  const folder = await runFolder(home)
  await mkdir(join(folder, 'data', 'h2'))
  await copyFile(database, join(folder, 'data', 'h2', 'keycloakdb.mv.db'))
  const { baseUrl, daemon } = await launch(folder, [])
  return {
    baseUrl,
    stop: async () => {
      await daemon.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A home of its own for each process: data are its own, everything else is the cache's. */
async function runFolder(home: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-keycloak-'))
  await mkdir(join(folder, 'data'))
  for (const name of ['lib', 'providers', 'themes', 'conf'])
    await symlink(join(home, name), join(folder, name))
  return folder
}

/** As bin/kc.sh does, without the shell: the process that we end is the server itself. */
async function launch(folder: string, more: readonly string[]): Promise<{ baseUrl: string; daemon: Daemon }> {
  const port = await freePort()
  const baseUrl = `http://127.0.0.1:${port}`
  const open = ['util', 'util.concurrent', 'security', 'lang'].map(
    (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
  )
  const daemon = await startDaemon({
    program: await findJava(),
    args: [
      ...['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', quick, '-Dfile.encoding=UTF-8', ...open],
      '-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory',
      '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
      ...[`-Dkc.home.dir=${folder}`, `-Djboss.server.config.dir=${join(folder, 'conf')}`],
      ...['-cp', join(folder, 'lib', 'quarkus-run.jar'), 'io.quarkus.bootstrap.runner.QuarkusEntryPoint'],
      ...['start', '--optimized', '--cache=local', '--http-enabled=true', '--http-host=127.0.0.1'],
      ...[`--http-port=${port}`, `--hostname=${baseUrl}`, ...more],
    ],
    logFile: join(folder, 'keycloak.log'),
    env: { KC_BOOTSTRAP_ADMIN_USERNAME: admin.user, KC_BOOTSTRAP_ADMIN_PASSWORD: admin.password },
  })
  const ready = async () => (await fetch(`${baseUrl}/realms/acme/.well-known/openid-configuration`)).ok
  await untilReady('Keycloak', daemon, ready, 600)
  return { baseUrl, daemon }
}
