/** The process: read the configuration, wire, listen, say where, drain on a signal. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig, type RunCommand } from './config/index.ts'
import { type ExitCode, exit } from './console/index.ts'
import { type Faces, openFaces } from './faces.ts'
import { preloadFaces } from './http.ts'
import { SallyportError } from './model/index.ts'
import { createLog, describeError, type Log } from './telemetry/index.ts'
import { type Instance, openInstance } from './wire.ts'

export interface ServeOptions {
  readonly form: 'single' | 'dev'
  readonly configPath: string
  readonly restored: boolean
  /** Where the log goes; standard error by default. */
  readonly logStream?: { write(line: string): unknown }
  /** A program that is the server. */
  readonly run?: RunCommand
  /** Say on standard output, in JSON, where it listens. */
  readonly json?: boolean
}

/** How long what is in progress may go on after a signal. */
const drainMs = 10_000

/** Serves until a signal, then drains. @throws SallyportError or ConfigErrors before anything listens */
export async function serve(options: ServeOptions): Promise<ExitCode> {
  const { logStream, form, run } = options
  const loading = { form, env: process.env, ...(run === undefined ? {} : { run }) }
  const config = await loadConfig(options.configPath, loading)
  const log = createLog({
    level: config.log.level,
    ...(logStream === undefined ? {} : { stream: logStream }),
  })
  failLoudly(log)
  for (const warning of config.warnings) log.warn('configuration', { ...warning })
  if (config.throwawayKey) startClean(config.data)
  // In dev whoever writes the configuration watches the terminal.
  const propose = (text: string) => void process.stderr.write(text)
  const opening = openInstance(config, {
    log,
    restored: options.restored,
    ...(options.form === 'dev' ? { propose } : {}),
  })
  preloadFaces()
  const instance = await opening
  try {
    const faces = await openFaces(instance)
    await announce(options, instance, faces)
    await untilSignal()
    log.info('draining')
    instance.health.stopping()
    await drain(instance, () => faces.close())
    log.info('stopped')
    return exit.done
  } finally {
    await instance.close()
  }
}

const devMarker = '.sallyport-dev'

/**
 * What a former dev run left was wrapped by a key that is gone: it is removed. Only a folder that dev made itself is
 * ever cleaned.
 *
 * @throws config_invalid for a folder that holds anything else
 */
function startClean(data: string): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const names = readdirSync(data)
  if (names.length > 0 && !names.includes(devMarker)) {
    throw new SallyportError('config_invalid', {
      field: 'data',
      remedy:
        'dev cleans its data folder at each start and this one is not of its making: name an empty folder',
    })
  }
  for (const name of names) if (name !== devMarker) rmSync(join(data, name), { recursive: true })
  writeFileSync(join(data, devMarker), 'sallyport dev removes everything in this folder at each start\n')
}

async function announce({ form, json }: ServeOptions, instance: Instance, faces: Faces): Promise<void> {
  const lines =
    form === 'dev'
      ? [
          '',
          '  sallyport dev: a throwaway key, a built-in sign-in, loopback only. Never with real people or real secrets.',
          '  sallyport dev token alice   gives a subject token',
          '',
        ]
      : []
  lines.push(
    `egress    ${faces.egress.url}`,
    ...(faces.gateway === undefined ? [] : [`gateway   ${faces.gateway.url}`]),
    ...(faces.public === undefined ? [] : [`public    ${faces.public.url}`]),
    `admin     ${faces.admin.url}`,
    `telemetry ${faces.telemetry.url}`,
    await secretsLine(instance),
    'ready',
  )
  process.stderr.write(`${lines.join('\n')}\n`)
  const told = {
    form,
    egress: faces.egress.url,
    ...(faces.gateway === undefined ? {} : { gateway: faces.gateway.url }),
    ...(faces.public === undefined ? {} : { public: faces.public.url }),
    admin: faces.admin.url,
    telemetry: faces.telemetry.url,
    policy: instance.config.version,
  }
  if (json === true) process.stdout.write(`${JSON.stringify({ ready: true, ...told })}\n`)
  instance.log.info('ready', told)
}

/** Where stored grants lie, and whether that answers: an absent Vault does not keep the process from serving. */
async function secretsLine({ config, secrets, health }: Instance): Promise<string> {
  if (config.vault === undefined) return 'secrets   encrypted files in the data folder'
  const state = await secrets.health()
  health.observe('vault', state)
  const remedy = { up: '', sealed: ': unseal it', down: ': look at vault.address and the server' }[state]
  return `secrets   ${config.vault.addresses.join(', ')} is ${state}${remedy}`
}

async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
}

/** New requests are refused, what runs may finish, and after ten seconds it is ended. */
async function drain(instance: Instance, closeFaces: () => Promise<void>): Promise<void> {
  const late = setTimeout(() => instance.replica.live.abortAll({ reason: 'lease_lapsed' }), drainMs)
  await instance.egress.close()
  clearTimeout(late)
  await closeFaces()
}

/** What nobody caught ends the process, without its message: that may hold anything. */
function failLoudly(log: Log): void {
  const end = (error: unknown) => {
    log.error('the process ends: an error was not caught', {}, error)
    process.stderr.write(`${JSON.stringify(describeError(error))}\n`)
    process.exit(1)
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
}
