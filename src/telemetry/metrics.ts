import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { type CountRequest, tallyRequests } from './request-tally.ts'

/** Every metric that exists, by its published name. Labels hold configured names and codes only, never a person. */
export interface Metrics {
  readonly countRequest: CountRequest
  readonly live: Gauge
  readonly minted: Counter<'server' | 'code'>
  /** Tool calls that the gateway refused, by reason code. */
  readonly callsRefused: Counter<'reason'>
  readonly exchanges: Counter<'downstream' | 'code'>
  /** Refreshed grants that the secret store has not taken yet: they are in memory only. */
  readonly unsavedGrants: Gauge
  readonly revocations: Counter<'scope' | 'status'>
  readonly lateInjections: Counter
  /** Credentials found in answers, by downstream and place (`head` or `body`). */
  readonly leakHits: Counter<'downstream' | 'place'>
  /** Tools whose server changed their definition, until an administrator looks at it. */
  readonly toolsUnderReview: Gauge<'server'>
  /** Processes of servers that speak on standard input and output. */
  readonly stdioChildren: Gauge
  /** Lines of such a server that were nothing, or nothing that anybody waited for. */
  readonly stdioStray: Counter<'server'>
  readonly ready: Gauge<'part'>
  text(): Promise<string>
  readonly contentType: string
}

export function createMetrics(options: { readonly process: boolean }): Metrics {
  const registry = new Registry()
  if (options.process) collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    countRequest: tallyRequests(registry),
    ...egressMetrics(registers),
    ...roomMetrics(registers),
    ...stdioMetrics(registers),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

function egressMetrics(registers: Registry[]) {
  return {
    live: new Gauge({
      name: 'sallyport_live_requests',
      help: 'Requests and streams in progress.',
      registers,
    }),
    lateInjections: new Counter({
      name: 'sallyport_late_injections_total',
      help: 'Requests whose bytes left after the right to send them had lapsed. Each one is an alert.',
      registers,
    }),
    leakHits: new Counter({
      name: 'sallyport_leak_hits_total',
      help: 'Answers of downstreams that held the injected credential and were withheld, by place. Each one is an alert.',
      labelNames: ['downstream', 'place'],
      registers,
    }),
  }
}

function roomMetrics(registers: Registry[]) {
  return {
    minted: new Counter({
      name: 'sallyport_tokens_minted_total',
      help: 'Session tokens asked for at the token endpoint, by outcome code.',
      labelNames: ['server', 'code'],
      registers,
    }),
    callsRefused: new Counter({
      name: 'sallyport_calls_refused_total',
      help: 'Tool calls that the gateway refused before anything was sent, by reason code.',
      labelNames: ['reason'],
      registers,
    }),
    exchanges: new Counter({
      name: 'sallyport_exchanges_total',
      help: 'Credentials obtained from providers, by outcome code.',
      labelNames: ['downstream', 'code'],
      registers,
    }),
    unsavedGrants: new Gauge({
      name: 'sallyport_unsaved_grants',
      help: 'Refreshed grants that wait in memory for the secret store; a stop of the process loses them. Any is an alert.',
      registers,
    }),
    revocations: new Counter({
      name: 'sallyport_revocations_total',
      help: 'Revocations by scope and answered status.',
      labelNames: ['scope', 'status'],
      registers,
    }),
    toolsUnderReview: new Gauge({
      name: 'sallyport_tools_under_review',
      help: 'Tools that are hidden and refused because their definition is not the one they are held to. Any is an alert.',
      labelNames: ['server'],
      registers,
    }),
    ready: new Gauge({
      name: 'sallyport_ready',
      help: 'Whether a part is ready (1) or not (0).',
      labelNames: ['part'],
      registers,
    }),
  }
}

function stdioMetrics(registers: Registry[]) {
  return {
    stdioChildren: new Gauge({
      name: 'sallyport_stdio_children',
      help: 'Processes of MCP servers that `sallyport run` has started and that are not gone yet.',
      registers,
    }),
    stdioStray: new Counter({
      name: 'sallyport_stdio_stray_lines_total',
      help: 'Lines that such a server wrote to its standard output and that were no message, or one that nobody waited for.',
      labelNames: ['server'],
      registers,
    }),
  }
}
