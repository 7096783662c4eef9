import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Every metric that exists, by its published name. Labels hold configured names and codes only, never a person. */
export interface Metrics {
  /** Requests at the egress by downstream and outcome code. */
  readonly requests: Counter<'downstream' | 'code'>
  readonly duration: Histogram<'downstream'>
  readonly live: Gauge
  readonly minted: Counter<'server' | 'code'>
  readonly exchanges: Counter<'downstream' | 'code'>
  readonly revocations: Counter<'scope' | 'status'>
  readonly lateInjections: Counter
  /** Credentials found in answers, by downstream and place (`head`, `body`, `request-id`). */
  readonly leakHits: Counter<'downstream' | 'place'>
  readonly ready: Gauge<'part'>
  text(): Promise<string>
  readonly contentType: string
}

export function createMetrics(options: { readonly process: boolean }): Metrics {
  const registry = new Registry()
  if (options.process) collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    ...egressMetrics(registers),
    ...roomMetrics(registers),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

function egressMetrics(registers: Registry[]) {
  return {
    requests: new Counter({
      name: 'sallyport_egress_requests_total',
      help: 'Requests at the egress, by downstream and outcome code.',
      labelNames: ['downstream', 'code'],
      registers,
    }),
    duration: new Histogram({
      name: 'sallyport_egress_seconds',
      help: 'From the arrival of a request to the end of its answer.',
      labelNames: ['downstream'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
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
    exchanges: new Counter({
      name: 'sallyport_exchanges_total',
      help: 'Credentials obtained from providers, by outcome code.',
      labelNames: ['downstream', 'code'],
      registers,
    }),
    revocations: new Counter({
      name: 'sallyport_revocations_total',
      help: 'Revocations by scope and answered status.',
      labelNames: ['scope', 'status'],
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
