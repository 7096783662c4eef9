import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Row, Sample } from '../bench.ts'
import { checkRecord } from '../check.ts'
import { atMost, medianOf } from '../figures.ts'
import { envoyCache } from '../peers/envoy.ts'
import { nginx } from '../peers/nginx.ts'
import { openbaoProxy } from '../peers/openbao-proxy.ts'
import { callerHeaders, injectedValue, type Peer, type Setup } from '../peers/peer.ts'
import {
  exchangeForm,
  type Place,
  prepare,
  sallyport,
  spawnSallyport,
  subjectTokenOf,
} from '../peers/sallyport.ts'
import { removeFolder, temporaryFolder, untilListening } from '../processes.ts'

/**
 * From the start of the process to the first answer with an injected credential. For sallyport that is all of it: open
 * the data folder, log in at the vault, listen, verify a sign-in with keys fetched from the IdP, mint a session, fetch
 * the person's own credential from the vault, inject it.
 */
export const start: Row<Peer> = {
  name: 'start',
  about: 'from spawn to the first injected answer; sallyport with a loopback IdP and OpenBao',
  quick: false,
  contenders: [nginx, envoyCache, openbaoProxy, sallyport],
  sample: (peer, bench) => (peer === sallyport ? startWithVault(bench) : startPeer(peer, bench)),
  targets: (samples) => [
    atMost(
      'start: spawn to first injected answer, ms',
      medianOf(samples, sallyport.name, 'milliseconds'),
      [220, 110],
    ),
  ],
}

const setupOf = (bench: Bench, folder: string): Setup => ({
  ...bench,
  folder,
  upstream: bench.upstreams.plain,
})

/** Includes the few milliseconds that it takes to write the peer's configuration. */
async function startPeer(peer: Peer, bench: Bench): Promise<Sample> {
  const folder = temporaryFolder(peer.name)
  const before = performance.now()
  const contender = await peer.start(setupOf(bench, folder))
  const { origin, path, headers } = contender.aim('/echo')
  const answer = await (await fetch(origin + path, { headers })).text()
  const milliseconds = performance.now() - before
  await contender.stop()
  removeFolder(folder)
  if (!answer.includes(injectedValue)) throw new Error(`nothing was injected: ${answer}`)
  return { milliseconds }
}

async function startWithVault(bench: Bench): Promise<Sample> {
  const folder = temporaryFolder('start')
  const setup = setupOf(bench, folder)
  const place = await prepare(setup, 'off', (await bench.vault()).section)
  const form = exchangeForm(await subjectTokenOf(setup))
  await connectOnce(setup, place)
  const before = performance.now()
  const daemon = await spawnSallyport(setup, place)
  await untilListening(place.ports.egress, daemon)
  const listening = performance.now() - before
  const token = await mint(place, form)
  const minted = performance.now() - before
  const answer = await fetch(`${egressOf(place)}/downstream/own/echo`, {
    headers: { ...callerHeaders, authorization: `Bearer ${token}` },
  })
  const text = await answer.text()
  const milliseconds = performance.now() - before
  await daemon.stop()
  if (!text.includes(injectedValue)) throw new Error(`nothing was injected: ${answer.status} ${text}`)
  await checkRecord(bench.sallyport.cli, place, { served: 1, denials: 0, abandoned: 0 })
  removeFolder(folder)
  return { milliseconds, listening, minted }
}

const egressOf = ({ ports }: Place): string => `http://127.0.0.1:${ports.egress}`
const capabilityOf = ({ data }: Place, name: string): string =>
  readFileSync(join(data, 'run', `${name}.cap`), 'utf8').trim()

async function mint(place: Place, form: string): Promise<string> {
  const answer = await fetch(`${egressOf(place)}/oauth2/token`, {
    method: 'POST',
    headers: {
      'sallyport-capability': capabilityOf(place, 'main'),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: form,
  })
  return ((await answer.json()) as { access_token: string }).access_token
}

/** A first start, in which the person's own credential is put into the vault. */
async function connectOnce(setup: Setup, place: Place): Promise<void> {
  const daemon = await spawnSallyport(setup, place)
  await untilListening(place.ports.admin, daemon)
  const answer = await fetch(`http://127.0.0.1:${place.ports.admin}/v1/connections`, {
    method: 'POST',
    headers: { authorization: `Bearer ${capabilityOf(place, 'admin')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ downstream: 'own', user: 'alice', value: injectedValue }),
  })
  if (!answer.ok) throw new Error(`connect: ${answer.status} ${await answer.text()}`)
  await daemon.stop()
}
