import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { run } from './run.ts'

interface Tool {
  readonly name: string
  /** Debian packages; of alternatives the first that the machine knows. */
  readonly packages: readonly string[]
  /** The Homebrew formula. */
  readonly formula: string
  find(): string | undefined
}

const java: Tool = {
  name: 'Java 17 or newer',
  packages: ['openjdk-21-jre-headless', 'openjdk-17-jre-headless', 'default-jre-headless'],
  formula: 'openjdk',
  find: () =>
    candidates().find((program) => Number(/version "(\d+)/.exec(version(program, '-version'))?.[1]) >= 17),
}

const maven: Tool = {
  name: 'Maven',
  packages: ['maven'],
  formula: 'maven',
  find: () => (version('mvn', '-version').includes('Apache Maven') ? 'mvn' : undefined),
}

const python: Tool = {
  name: 'Python 3.11 or newer with pip',
  packages: ['python3-pip'],
  formula: 'python',
  find: () => {
    const [, minor] = /^pip .*\(python 3\.(\d+)\)/.exec(version('python3', '-m', 'pip', '--version')) ?? []
    return Number(minor) >= 11 ? 'python3' : undefined
  },
}

const curl: Tool = {
  name: 'curl',
  packages: ['curl'],
  formula: 'curl',
  find: () => (version('curl', '--version').startsWith('curl ') ? 'curl' : undefined),
}

const nginx: Tool = {
  name: 'nginx',
  packages: ['nginx-light', 'nginx'],
  formula: 'nginx',
  find: () => (version('nginx', '-v').includes('nginx/') ? 'nginx' : undefined),
}

const chromium: Tool = {
  name: 'Chromium',
  packages: ['chromium', 'chromium-browser'],
  formula: '--cask chromium',
  find: () =>
    [
      'chromium',
      'chromium-browser',
      'google-chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ].find((program) => /^(?:Chromium|Google Chrome) \d/m.test(version(program, '--version'))),
}

/** Go 1.25 or newer, which the MCP SDK asks for. */
export const hasGo = (): boolean => Number(/ go1\.(\d+)/.exec(version('go', 'version'))?.[1]) >= 25
export const hasJava = (): boolean => java.find() !== undefined
export const hasChromium = (): boolean => chromium.find() !== undefined
export const hasPython = (): boolean => python.find() !== undefined
/** What wheels with native code are made for: implementation, version and platform, such as `cpython-311-linux-x86_64`. */
export const pythonTag = (): string =>
  version(
    'python3',
    '-c',
    'import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform(), sep="-")',
  ).trim()
export const findJava = (): Promise<string> => found(java)
export const findMaven = (): Promise<string> => found(maven)
export const findPython = (): Promise<string> => found(python)
export const findChromium = (): Promise<string> => found(chromium)
export const findCurl = (): Promise<string> => found(curl)
export const findNginx = (): Promise<string> => found(nginx)

function candidates(): string[] {
  const home = process.env['JAVA_HOME']
  return home === undefined ? ['java'] : [join(home, 'bin', 'java'), 'java']
}

function version(program: string, ...args: string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8' })
  // Java tells its version on stderr.
  return result.error === undefined ? `${result.stdout}${result.stderr}` : ''
}

let installing: Promise<unknown> = Promise.resolve()

/** The program, installed first where that is possible. One installation at a time: apt holds a lock. */
async function found(tool: Tool): Promise<string> {
  const turn = installing.then(async () => tool.find() ?? (await install(tool)))
  installing = turn.catch(() => undefined)
  return turn
}

async function install(tool: Tool): Promise<string> {
  const apt = version('apt-get', '--version').startsWith('apt ')
  if (!apt || process.getuid?.() !== 0) throw new Error(missing(tool))
  await run({ what: 'reading the package lists', program: 'apt-get', args: ['update', '-q'] })
  await run({
    what: `installing ${tool.name}`,
    program: 'apt-get',
    args: ['install', '-q', '-y', '--no-install-recommends', known(tool)],
    env: { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  })
  const program = tool.find()
  if (program === undefined) throw new Error(missing(tool))
  return program
}

function known(tool: Tool): string {
  const offered = tool.packages.find((name) => version('apt-cache', 'show', name).startsWith('Package:'))
  return offered ?? tool.packages[0]!
}

function missing(tool: Tool): string {
  return [
    `${tool.name} is needed to get the real parts of the tests, and is not on the PATH.`,
    process.platform === 'darwin'
      ? `Run: brew install ${tool.formula}`
      : `Run: sudo apt-get install --no-install-recommends ${known(tool)} (or what your system calls it)`,
    'Or leave out the tests that need it: SALLYPORT_TEST_OFFLINE=1 npm test',
  ].join(' ')
}
