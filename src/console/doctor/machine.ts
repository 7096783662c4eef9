import { callAdmin } from '../client.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding } from './finding.ts'
import type { Step } from './step.ts'

/** The version of the policy that the instance on the data folder has in force; undefined where none answers. */
async function runningPolicy({ tools }: Examination): Promise<string | undefined> {
  const endpoint = tools.instance()
  if (endpoint === undefined) return undefined
  // A file that a killed process left names nobody.
  const answer = await callAdmin(endpoint, { method: 'GET', path: '/v1/status' }).catch(() => undefined)
  return answer?.status === 200 ? String(answer.body['policy']) : undefined
}

async function addresses({ config, tools }: Examination): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for (const place of config.listens) {
    const state = await tools.listenable(place)
    const address = place.socket ?? `${place.host}:${place.port}`
    if (state === 'taken') found.push(finding('address_taken', { face: place.face, address }))
    if (state === 'foreign') found.push(finding('address_not_here', { face: place.face, address }))
  }
  return found.length === 0 ? [finding('addresses_free')] : found
}

/** The process: does an instance run, and if not, could one? */
export function machineStep(at: Examination): Step {
  const { config, tools } = at
  return {
    name: 'this machine',
    needs: [],
    run: async () => {
      const running = await runningPolicy(at)
      if (running === config.version) return [finding('instance_running')]
      if (running !== undefined) return [finding('instance_other_policy', { running })]
      const writable = tools.writable(config.data)
      return [
        finding('instance_absent'),
        ...(writable ? [] : [finding('data_unwritable', { folder: config.data })]),
        ...(await addresses(at)),
      ]
    },
  }
}
