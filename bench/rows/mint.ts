import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Bench, Row, Sample } from '../bench.ts'
import { atLeast, medianOf } from '../figures.ts'
import { wrk } from '../load/generate.ts'
import { isSallyport, startChecked } from '../measure.ts'
import { callerHeaders } from '../peers/peer.ts'
import { sallyport } from '../peers/sallyport.ts'
import { coreTimes, cpuOf, onCore } from '../processes.ts'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Minter {
  readonly name: string
  run(bench: Bench): Promise<Sample>
}

const openssl: Minter = { name: 'openssl speed ed25519', run: async (bench) => opensslSpeed(bench) }
const inProcess: Minter = { name: 'in process', run: async (bench) => inProcessSpeed(bench) }
const endpoint: Minter = { name: 'token endpoint', run: endpointSpeed }

/** The endpoint has a goal and no floor: 0 lets every value pass. */
export const mint: Row<Minter> = {
  name: 'mint',
  about: 'session tokens per second on one core',
  quick: false,
  rounds: 3,
  contenders: [openssl, inProcess, endpoint],
  sample: (minter, bench) => minter.run(bench),
  targets: (samples) => {
    const rate = ({ name }: Minter) => medianOf(samples, name, 'perSecond')
    return [
      atLeast('mint: in process ÷ openssl speed ed25519', rate(inProcess) / rate(openssl), [0.8, 0.9]),
      atLeast('mint: through the token endpoint, per second', rate(endpoint), [0, 10_000]),
    ]
  },
}

const onContendersCore = (program: string, args: readonly string[]): string => {
  const [pin, ...where] = onCore('contender')
  const { status, stdout, stderr } = spawnSync(pin, [...where, program, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ended with ${status}\n${stderr}`)
  return stdout
}

function opensslSpeed({ options }: Bench): Sample {
  const output = onContendersCore('openssl', ['speed', '-seconds', String(options.seconds), 'ed25519'])
  const perSecond = Number(/Ed25519.*?([\d.]+)\s+([\d.]+)\s*$/m.exec(output)?.[1])
  return { perSecond, cpuMicroseconds: 1e6 / perSecond }
}

/** In a process of its own: claims, JSON and signature of a session token, in a loop. */
function inProcessSpeed({ options }: Bench): Sample {
  const script = fileURLToPath(new URL('../mint-loop.ts', import.meta.url))
  const perSecond = Number(onContendersCore(process.execPath, [script, String(options.seconds)]))
  return { perSecond, cpuMicroseconds: 1e6 / perSecond }
}

/** All of it: the capability, the form, the subject token's signature, the policy, the session kept, the record. */
async function endpointSpeed(bench: Bench): Promise<Sample> {
  const under = await startChecked(sallyport, 'plain', bench)
  try {
    const { contender, folder } = under
    if (!isSallyport(contender)) throw new Error('only sallyport has a token endpoint')
    const { egress, form, capability } = contender
    const file = join(folder, 'form')
    writeFileSync(file, form, { mode: 0o600 })
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const headers = { ...callerHeaders, ...type, 'Sallyport-Capability': capability }
    const aim = { origin: egress, path: '/oauth2/token', headers }
    const options = { wrk: bench.tools.wrk, connections: 32, method: 'POST', body: file }
    const warm = await wrk(aim, { ...options, seconds: bench.options.warmSeconds })
    const [cpuBefore, coreBefore] = [cpuOf(contender.pid), coreTimes()]
    const result = await wrk(aim, { ...options, seconds: bench.options.seconds })
    const [cpu, core] = [cpuOf(contender.pid) - cpuBefore, coreTimes()]
    if (result.status + warm.status > 0) throw new Error(`${result.status + warm.status} were refused`)
    const recorded = await under.finish(0)
    const answered = warm.requests + result.requests
    if ((recorded?.mints ?? 0) < answered)
      throw new Error(`${recorded?.mints ?? 0} mints recorded of ${answered} tokens`)
    return {
      perSecond: result.requests / result.seconds,
      cpuMicroseconds: cpu / result.requests,
      generatorCore: (core.busy - coreBefore.busy) / (core.total - coreBefore.total),
    }
  } catch (error) {
    await under.abort()
    throw error
  }
}
