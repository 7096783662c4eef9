/** `sallyport doctor`: everything around a configuration looked at, and the one setting named that is wrong. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { type CommonOptions, outputOf, verb, withCommon } from './cli-common.ts'
import { formOf, loadBoth } from './config/index.ts'
import {
  type AdminEndpoint,
  doctor,
  type DoctorWords,
  findInstance,
  type ListenPlace,
} from './console/index.ts'
import { SallyportError, Secret } from './model/index.ts'

interface DoctorOptions extends CommonOptions {
  readonly form?: 'single' | 'dev'
  readonly fixNothing: boolean
  readonly subject?: string
  readonly call: readonly string[]
  readonly seconds: string
}

export function addDoctorVerb(program: Command): void {
  const many = (call: string, before: readonly string[]): readonly string[] => [...before, call]
  withCommon(
    program
      .command('doctor [config]')
      .description(
        'look at everything that a configuration needs (IdP, public URL, Vault, downstreams) and name the one setting that is wrong',
      ),
  )
    .option(
      '--fix-nothing',
      'write nothing anywhere: no grant for a trial in Vault, no missing key made',
      false,
    )
    .option(
      '--subject <place>',
      'file:PATH or env:NAME with an access token of a person, for trial exchanges',
    )
    .option('--call <request>', 'try "orders GET /orders/7" with a real credential. Repeatable', many, [])
    .option('--seconds <n>', 'budget of each step', '15')
    .option('--form <form>', 'single or dev; by default as the configuration is written')
    .action(
      verb(async (given: string | undefined, options: DoctorOptions) => {
        const path = given ?? options.config
        const subject = options.subject === undefined ? undefined : readSubject(options.subject)
        const words: DoctorWords = {
          fixNothing: options.fixNothing,
          calls: options.call,
          seconds: secondsOf(options.seconds),
          ...(subject === undefined ? {} : { subject }),
        }
        return doctor(words, () => open(path, options), outputOf(options))
      }),
    )
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 600) return seconds
  throw new SallyportError('request_malformed', { field: '--seconds', remedy: 'write 1 to 600' })
}

/** Never the token itself: arguments are seen by others. @throws request_malformed */
function readSubject(place: string): Secret {
  const [, kind, name = ''] = /^(file|env):(.+)$/.exec(place) ?? []
  const text = kind === 'env' ? process.env[name] : kind === 'file' ? readFileSync(name, 'utf8') : undefined
  const token = text?.trim() ?? ''
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return new Secret(token, 'subject token')
  throw new SallyportError('request_malformed', {
    field: '--subject',
    remedy: 'write file:PATH or env:NAME, with an access token that is a JWT',
  })
}

async function open(path: string, options: DoctorOptions) {
  const form = options.form ?? (await formOf(path, process.env))
  const { config } = await loadBoth(path, { form, env: process.env })
  const { openDoctor } = await import('./wire-doctor.ts')
  const data = options.data ?? config.data
  return openDoctor({ ...config, data }, { instance: () => instanceOn(data), listenable, writable })
}

function instanceOn(data: string): AdminEndpoint | undefined {
  try {
    return findInstance(data)
  } catch {
    return undefined
  }
}

/** Listens there and stops at once. */
function listenable({ host, port, socket }: ListenPlace): Promise<'free' | 'taken' | 'foreign'> {
  // A socket that is there is replaced at the start; its folder has to be there.
  if (socket !== undefined) return Promise.resolve(writable(dirname(socket)) ? 'free' : 'foreign')
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'EADDRINUSE' || code === 'EACCES' ? 'taken' : 'foreign')
    })
    server.listen({ host, port }, () => server.close(() => resolve('free')))
  })
}

/** The folder, or the one that it would be made in. */
function writable(folder: string): boolean {
  if (!existsSync(folder)) return folder !== dirname(folder) && writable(dirname(folder))
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
