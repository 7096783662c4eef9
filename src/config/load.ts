import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { check } from './check.ts'
import type { Config } from './config.ts'
import { type Document, readDocument } from './document.ts'
import { ConfigErrors } from './errors.ts'
import { expand } from './expand.ts'
import type { Form, RunCommand } from './expanding.ts'
import type { Expanded } from './expanded.ts'
import { reportIssues } from './problems.ts'
import { type FileFacts, fillIn, type Sources, whyUnreadable } from './references.ts'
import { createReport, type Report } from './report.ts'
import { resolveConfig } from './resolve.ts'
import { createSecretReader } from './secrets.ts'
import { configSchema, type WrittenConfig } from './schema/root.ts'

export interface LoadOptions {
  readonly form: Form
  /** The process's environment; only what the file names is looked at. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads the file and what it refers to; the file system by default. */
  readonly readFile?: Sources['readFile']
  readonly random?: (bytes: number) => Uint8Array
  /** A program to be run as one of the servers. */
  readonly run?: RunCommand
}

/** A configuration in both of its forms: what is in force, and its long form for people. */
export interface Loaded {
  readonly config: Config
  readonly expanded: Expanded
}

/** The name that the command line gives where the user gives none; dev goes without that file. */
const usualName = 'sallyport.yaml'

/**
 * Read, expand, check and resolve a configuration file. Nothing is dialled and nothing is written.
 * @throws ConfigErrors with everything that is wrong
 */
export async function loadConfig(path: string, options: LoadOptions): Promise<Config> {
  return (await loadBoth(path, options)).config
}

/** As `loadConfig`, with the long form. @throws ConfigErrors */
export async function loadBoth(path: string, options: LoadOptions): Promise<Loaded> {
  const sources: Sources = { env: options.env, readFile: options.readFile ?? readRegularFile }
  const document = await readSource(path, options.form, sources)
  const report = createReport(document)
  const folder = resolve(dirname(path))
  const written = shaped(document, report, sources.env)
  report.settle()
  const { form, run } = options
  const context = { form, folder, report, sources, ...(run === undefined ? {} : { run }) }
  const expanded = await expand(written, context)
  check(expanded, context)
  const read = createSecretReader(report, sources, folder)
  const config = await resolveConfig(expanded, { ...context, read, random: options.random ?? randomBytes })
  report.settle()
  return { config, expanded }
}

/**
 * The data folder that a configuration names, for verbs that ask a running instance. The rest of the file is not
 * looked at, so that a broken edit does not hide the instance. @throws ConfigErrors
 */
export async function dataFolder(path: string, env: LoadOptions['env'] = {}): Promise<string> {
  const document = await readSource(path, 'dev', { env, readFile: readRegularFile })
  const report = createReport(document)
  const { data } = (document.value ?? {}) as { readonly data?: unknown }
  const filled = fillIn(data ?? './data', ['data'], report, env)
  if (typeof filled !== 'string' || filled === '')
    report.fault(['data'], 'this is no path of a folder', 'give a text')
  report.settle()
  return resolve(dirname(path), String(filled))
}

/** The form that a configuration is written for: dev needs neither a sign-in nor a key, and single both. @throws ConfigErrors */
export async function formOf(path: string, env: LoadOptions['env']): Promise<Form> {
  const document = await readSource(path, 'dev', { env, readFile: readRegularFile })
  const { login, key } = (document.value ?? {}) as { readonly login?: unknown; readonly key?: unknown }
  return login === undefined && key === undefined ? 'dev' : 'single'
}

async function readSource(path: string, form: Form, { readFile }: Sources): Promise<Document> {
  try {
    return readDocument(new TextDecoder('utf-8', { fatal: true }).decode((await readFile(path)).bytes), path)
  } catch (error) {
    if (error instanceof ConfigErrors) throw error
    const absent = (error as { readonly code?: unknown } | null)?.code === 'ENOENT'
    if (absent && form === 'dev' && path === usualName) return readDocument('', path)
    const [problem, remedy] =
      error instanceof TypeError ? ['the file is not UTF-8', 'save it as UTF-8'] : whyUnreadable(error, path)
    throw new ConfigErrors([{ file: path, path: '', problem, remedy }])
  }
}

/** The document as the schema has it, with the environment filled in. */
function shaped(document: Document, report: Report, env: Sources['env']): WrittenConfig {
  const filled = fillIn(document.value ?? {}, [], report, env)
  const parsed = configSchema.safeParse(filled)
  if (!parsed.success) reportIssues(parsed.error.issues, report)
  return parsed.data ?? {}
}

/** A regular file whole, with who may read it. What is a pipe or device is not waited for. */
async function readRegularFile(path: string): Promise<FileFacts> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const facts = await handle.stat()
    if (!facts.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EISDIR' })
    return { bytes: await handle.readFile(), worldReadable: (facts.mode & 0o004) !== 0 }
  } finally {
    await handle.close()
  }
}
