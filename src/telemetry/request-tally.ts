import type { Registry } from 'prom-client'

/** Counts a request that has ended: by downstream and outcome code, and how long it took. */
export type CountRequest = (downstream: string | undefined, code: string, seconds: number) => void

/** From the arrival of a request to the end of its answer, in seconds. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60]
const counter = {
  name: 'sallyport_egress_requests_total',
  help: 'Requests at the egress, by downstream and outcome code.',
  type: 'counter',
  aggregator: 'sum',
}
const histogram = {
  name: 'sallyport_egress_seconds',
  help: 'From the arrival of a request to the end of its answer.',
  type: 'histogram',
  aggregator: 'sum',
}

interface Tally {
  readonly codes: Map<string, number>
  /** How many took no longer than the bound of the same index, and longer than the one before. */
  readonly within: number[]
  sum: number
  count: number
}

/**
 * Two metrics that every request moves, kept in plain numbers: prom-client works out labels anew for each. Only
 * configured names and stable codes come here, so what is kept is bounded.
 */
export function tallyRequests(registry: Registry): CountRequest {
  const tallies = new Map<string, Tally>()
  const add = (metric: typeof counter, values: () => object[]) => {
    registry.registerMetric({ ...metric, get: async () => ({ ...metric, values: values() }) } as never)
  }
  add(counter, () => [...tallies].flatMap(counted))
  add(histogram, () => [...tallies].flatMap(timed))
  return (downstream = '', code, seconds) => {
    let tally = tallies.get(downstream)
    if (tally === undefined) {
      tally = { codes: new Map(), within: bounds.map(() => 0), sum: 0, count: 0 }
      tallies.set(downstream, tally)
    }
    tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1)
    tally.count += 1
    tally.sum += seconds
    const index = bounds.findIndex((bound) => seconds <= bound)
    if (index !== -1) tally.within[index] = (tally.within[index] ?? 0) + 1
  }
}

function counted([downstream, { codes }]: [string, Tally]) {
  return [...codes].map(([code, value]) => ({ labels: { downstream, code }, value }))
}

function timed([downstream, { within, sum, count }]: [string, Tally]) {
  const { name } = histogram
  let upTo = 0
  const buckets = bounds.map((le, index) => {
    upTo += within[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { le, downstream }, value: upTo }
  })
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', downstream }, value: count },
    { metricName: `${name}_sum`, labels: { downstream }, value: sum },
    { metricName: `${name}_count`, labels: { downstream }, value: count },
  ]
}
