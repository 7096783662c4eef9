/** `sallyport init`: a configuration to begin with, from what a running MCP server and an OpenAPI document say. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { outputOf, verb } from './cli-common.ts'
import { ConfigErrors, describeApi, loadConfig, printProposal } from './config/index.ts'
import { exit, init, type InitSteps } from './console/index.ts'
import { createDial, isLoopbackHost } from './egress/index.ts'
import { type ClientHeader, listTools, propose, withoutAddress } from './mcp/index.ts'
import { type KnownApi, type Proposal, Secret } from './model/index.ts'

interface InitOptions {
  readonly server: string
  readonly openapi?: string
  readonly header?: string
  readonly out?: string
  readonly force: boolean
  readonly json?: boolean
}

const patienceMs = 30_000
const largestDocument = 16 * 1024 * 1024
/** Headers that say how a message is to be read: they are ours. */
const reserved =
  /^(?:accept.*|connection|content-.*|expect|host|keep-alive|mcp-.*|te|trailer|transfer-encoding|upgrade)$/

export function addInitVerb(program: Command): void {
  program
    .command('init')
    .description(
      'propose a configuration for a running MCP server: nobody is allowed yet, what is unknown is never',
    )
    .requiredOption('--server <url>', 'the endpoint of the MCP server, https or on this machine')
    .option('--openapi <file>', 'an OpenAPI 3 document of the API that its tools use')
    .option('--header <place>', 'file:PATH or env:NAME, which holds a line such as Authorization: Bearer …')
    .option('--out <file>', 'write it there; to standard output by default')
    .option('--force', 'write it even where a file is', false)
    .option('--json', 'answer in JSON')
    .action(
      verb(async (options: InitOptions) => {
        const steps = stepsOf(options)
        const wrong = misuse(options)
        if (wrong !== undefined) {
          steps.tell(wrong)
          return exit.usage
        }
        const { out } = options
        return init(out === undefined ? {} : { out }, steps, outputOf(options))
      }),
    )
}

/** What is wrong with how it was asked. The parser of arguments would repeat them, and they may hold a secret. */
function misuse({ server, header }: InitOptions): string | undefined {
  const url = URL.parse(server)
  if (url === null || !/^https?:$/.test(url.protocol)) return '--server: this is no http(s) URL.'
  const more = [url.username, url.password, url.search, url.hash].join('')
  if (more !== '' || /[%\s\\]/.test(server))
    return '--server: the address is written without user, query, fragment and escapes.'
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    return '--server: plain http leads beyond this machine, where others can read it; write https.'
  if (header !== undefined && !/^(?:file|env):./.test(header))
    return '--header: a secret does not stand in an argument, where others see it. Put the line into a file or variable, and write file:PATH or env:NAME.'
  return undefined
}

function stepsOf(options: InitOptions): InitSteps {
  const { force } = options
  return {
    learn: () => learn(options),
    print,
    write: (file, text) => {
      try {
        writeFileSync(file, text, { flag: force ? 'w' : 'wx' })
        return undefined
      } catch (error) {
        return (error as { readonly code?: unknown }).code === 'EEXIST'
          ? exists(file)
          : `The file ${file} cannot be written.`
      }
    },
    tell: (text) => void process.stderr.write(`${text}\n`),
  }
}

const exists = (file: string): string =>
  `The file ${file} is there already: name another one, or say --force.`

async function learn({
  server: address,
  openapi,
  header: where,
  out,
  force,
}: InitOptions): Promise<Proposal | string> {
  const server = new URL(address)
  // Before anybody is asked anything.
  if (out !== undefined && !force && existsSync(out)) return exists(out)
  const api = openapi === undefined ? undefined : readApi(openapi)
  if (typeof api === 'string') return api
  const header = where === undefined ? undefined : readHeader(where)
  if (typeof header === 'string') return header
  const dial = createDial({
    origins: [{ url: server.href }],
    network: { allow: [], deny: [] },
    connectTimeoutMs: 5_000,
    headersTimeoutMs: patienceMs,
    idleTimeoutMs: patienceMs,
  })
  try {
    const terms = { url: server, signal: AbortSignal.timeout(patienceMs), version: '0.1.0' }
    const listing = await listTools(dial.transport(server.origin), {
      ...terms,
      ...(header === undefined ? {} : { header }),
    })
    if (typeof listing === 'string') return listing
    return propose({ ...listing, server: server.href, ...(api === undefined ? {} : { api }) })
  } finally {
    await dial.close()
  }
}

function readApi(file: string): KnownApi | string {
  const text = readText(file)
  if (text === undefined) return `The document ${file} cannot be read.`
  return text.length > largestDocument
    ? `The document ${file} is larger than 16 MiB.`
    : describeApi(text, file)
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** `Name: value` of a file or variable. Neither the line nor a part of it is ever told. */
function readHeader(where: string): ClientHeader | string {
  const colon = where.indexOf(':')
  const name = where.slice(colon + 1)
  const line = where.slice(0, colon) === 'env' ? process.env[name] : readText(name)
  if (line === undefined || line.length > 16_384) return `There is nothing at ${where}, which --header names.`
  const [, header, value] =
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)\s*$/.exec(line) ?? []
  if (header === undefined || value === undefined || reserved.test(header.toLowerCase()))
    return `What ${where} holds is no line such as Authorization: Bearer …`
  return { name: header.toLowerCase(), value: new Secret(value, 'header of a server') }
}

/** What would not load is not proposed: the address of a document may be one of our own faces. */
async function print(proposal: Proposal): Promise<string | { readonly problem: string }> {
  for (const one of [proposal, withoutAddress(proposal)]) {
    const text = printProposal(one)
    if (await loads(text)) return text
  }
  return {
    problem:
      'The proposal would be no configuration that loads: the server lists too much, or its address is one of our own.',
  }
}

async function loads(text: string): Promise<boolean> {
  const readFile = async () => ({ bytes: Buffer.from(text), worldReadable: false })
  try {
    await loadConfig('proposal.yaml', { form: 'dev', env: {}, readFile })
    return true
  } catch (error) {
    if (error instanceof ConfigErrors) return false
    throw error
  }
}
