import type { ErrorCode } from '../model/index.ts'
import type { Metrics } from '../telemetry/index.ts'

/** Counts requests by downstream and outcome. */
export type Meter = (downstream: string | undefined, code: ErrorCode, seconds: number) => void

interface Meters {
  readonly seconds: { observe(value: number): void }
  readonly codes: Map<ErrorCode, { inc(): void }>
}

/**
 * The labels of a metric are worked out once and kept: prom-client would hash them for each request. Only names that
 * are configured come here, so what is kept is bounded.
 */
export function createMeter(metrics: Pick<Metrics, 'requests' | 'duration'>): Meter {
  const meters = new Map<string, Meters>()
  return (downstream = '', code, seconds) => {
    let meter = meters.get(downstream)
    if (meter === undefined) {
      meter = { seconds: metrics.duration.labels(downstream), codes: new Map() }
      meters.set(downstream, meter)
    }
    let counter = meter.codes.get(code)
    if (counter === undefined) {
      counter = metrics.requests.labels(downstream, code)
      meter.codes.set(code, counter)
    }
    counter.inc()
    meter.seconds.observe(seconds)
  }
}
