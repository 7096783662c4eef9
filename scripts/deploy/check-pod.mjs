/** The rendered pod, run from the image: what the sidecar may, what it answers, what its neighbour reaches, how it ends. */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parse } from 'yaml'
import { check, must, step } from './tally.mjs'
import { podman } from './image.mjs'
import { valuesFiles } from './chart.mjs'
import {
  ask,
  inside,
  layVolumes,
  listeners,
  logsOf,
  remove,
  runToEnd,
  start,
  stateOf,
  statusOf,
} from './pod.mjs'

/** As a kubelet asks: the Host header is the pod's address, which nobody configured. */
const podHost = { host: '10.244.1.7:9185' }
const cli = '/app/dist/cli.js'
const telemetry = 'http://127.0.0.1:9185'
const run = randomUUID().slice(0, 8)
const name = (part) => `sallyport-test-${run}-${part}`

export async function checkPod(image, { tools, render, scratch }) {
  const canary = `canary-${randomUUID()}`
  const pods = await Promise.all(valuesFiles().map((file) => podOf(file, { tools, render, scratch, canary })))
  for (const { file, spec, laid } of pods) {
    await check(`the program accepts the rendered configuration: ${file}`, async () => {
      const args = ['validate', '--config', '/etc/sallyport/sallyport.yaml']
      const { code, stdout, stderr } = await runToEnd(spec, spec.initContainers[0], laid, {
        image,
        name: name('validate'),
        args,
      })
      must(code === 0, stdout + stderr)
    })
  }
  const pod = pods.find(({ file }) => file.includes('minimal'))
  await checkLife(image, pod, canary)
}

/** Containers that are left, however the test ended. */
export const removeContainers = () => remove(['first', 'again', 'second', 'app', 'validate'].map(name))

/** A rendered pod with Secrets made up for whatever it mounts. */
async function podOf(file, { tools, render, scratch, canary }) {
  const { Deployment, ConfigMap } = await render(tools, ['-f', file])
  const { spec } = Deployment.spec.template
  const folder = join(scratch, `volumes-${file.replaceAll(/\W/g, '-')}`)
  mkdirSync(folder)
  const secrets = {
    'crm-sallyport-key': Object.fromEntries(
      ['sallyport', 'wrapping-key'].map((item) => [item, randomBytes(32)]),
    ),
    'crm-legacy': { legacy: canary },
    'crm-idp': { 'client-secret': canary },
    'crm-partner': { partner: canary },
  }
  const laid = layVolumes(spec, {
    secrets,
    configMaps: { [ConfigMap.metadata.name]: ConfigMap.data },
    folder,
  })
  return { file, spec, laid, config: parse(ConfigMap.data['sallyport.yaml']) }
}

async function checkLife(image, { spec, laid, config }, canary) {
  const [sidecar] = spec.initContainers
  const running = await step('start the pod', () =>
    startReady(spec, sidecar, laid, { image, name: name('first') }),
  )
  await checkConfinement(running, sidecar)
  await checkFaces(running)
  await checkNeighbour(image, { spec, laid, running })
  await check('a second instance on the same data folder is refused', async () => {
    const { code, stderr } = await runToEnd(spec, sidecar, laid, {
      image,
      name: name('second'),
      args: sidecar.args,
    })
    must(code !== 0, 'it ran')
    must(/other instance/.test(stderr), `not for that reason: ${stderr}`)
    must((await ask(running.pid, `${telemetry}/readyz`, podHost)).status === 200, 'the first one fell')
  })
  await check('SIGUSR1 opens no inspector', async () => {
    await podman('kill', '--signal', 'USR1', running.name)
    await wait(200)
    must((await stateOf(running.name)).status === 'running', 'the program ended')
    must(!listeners(running.pid).some((address) => address.endsWith(':9229')), 'the inspector listens')
  })
  await check('it fits the memory that the chart gives it', () => {
    const peak = Number.parseInt(statusOf(running.pid).VmHWM, 10) / 1024
    const limit = Number.parseInt(sidecar.resources.limits.memory, 10)
    must(peak < limit * 0.75, `${peak.toFixed(0)} MiB at the start, of ${limit}`)
    return `${peak.toFixed(0)} MiB at the start, limit ${limit} MiB`
  })
  await check('an administrator revokes a person with the command line in the container', async () => {
    const said = await inside(running.name, cli, 'revoke', 'user', 'alice', '--cause', 'left', '--json')
    must(JSON.parse(said).status === 'complete', said)
  })
  await check('SIGTERM ends it in time, with exit code 0', () =>
    ends(running, spec.terminationGracePeriodSeconds),
  )
  await check(
    'it starts again on the same data, also after SIGKILL, and who was revoked stays so',
    async () => {
      const again = await startReady(spec, sidecar, laid, { image, name: name('again') })
      await podman('kill', '--signal', 'KILL', again.name)
      await podman('start', again.name)
      const risen = { ...again, pid: (await stateOf(again.name)).pid }
      await untilReady(risen, sidecar)
      const holds = await inside(risen.name, cli, 'holds', '--json')
      must(holds.includes('alice'), holds)
      await ends(risen, spec.terminationGracePeriodSeconds)
    },
  )
  await check('no secret of the pod stands in its logs', async () => {
    const logs = (await logsOf(name('first'))) + (await logsOf(name('again')))
    must(logs.length > 0, 'there are no logs')
    must(!logs.includes(canary), 'a credential was logged')
  })
  await check('data, key and secrets lie where the configuration says', () => {
    must(
      config.data === '/var/lib/sallyport' && config.key === 'file:/run/keys/sallyport',
      JSON.stringify(config),
    )
    must(readdirSync(laid.get('sallyport-data')).length > 1, 'the data folder is empty')
  })
}

async function checkConfinement({ name: container, pid }, sidecar) {
  await check('its processes are not root, hold no capability and gain none', () => {
    const status = statusOf(pid)
    const { runAsUser, runAsGroup } = sidecar.securityContext
    must(
      status.Uid.split(/\s+/).every((id) => Number(id) === runAsUser),
      `uid ${status.Uid}`,
    )
    must(
      status.Gid.split(/\s+/).every((id) => Number(id) === runAsGroup),
      `gid ${status.Gid}`,
    )
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb'])
      must(/^0+$/.test(status[set]), `${set} ${status[set]}`)
    must(status.NoNewPrivs === '1' && status.Seccomp === '2', 'privileges or system calls are not confined')
  })
  await check('nothing outside its volumes can be written', async () => {
    const closed = [
      '/',
      '/app',
      '/app/dist',
      '/app/dist/cache',
      '/etc',
      '/etc/sallyport',
      '/run',
      '/run/keys',
      '/run/secrets',
      '/home',
      '/nodejs/bin',
      '/var',
    ]
    const open = ['/tmp', '/var/lib/sallyport']
    const script = `
      import { rmSync, writeFileSync } from 'node:fs'
      const written = []
      for (const folder of ${JSON.stringify([...closed, ...open])}) {
        try { writeFileSync(folder + '/probe', ''); rmSync(folder + '/probe'); written.push(folder) } catch {}
      }
      console.log(JSON.stringify(written))`
    const written = JSON.parse(await inside(container, '--input-type=module', '--eval', script))
    must(written.join() === open.join(), `could write ${written.join(', ')}`)
  })
}

async function checkFaces({ pid }) {
  for (const path of ['/startupz', '/livez', '/readyz', '/metrics']) {
    await check(`${path} answers 200 when the kubelet asks the pod's address`, async () => {
      const { status, body } = await ask(pid, `${telemetry}${path}`, podHost)
      must(status === 200, `${status} ${body}`)
    })
  }
  await check('only the gateway and telemetry listen beyond loopback', () => {
    const heard = listeners(pid)
    for (const port of [9180, 9183])
      must(heard.includes(`127.0.0.1:${port}`), `${port} is not on loopback: ${heard.join(' ')}`)
    const open = heard.filter((address) => !address.startsWith('127.0.0.1:'))
    must(open.toSorted().join() === '0.0.0.0:9181,0.0.0.0:9185', `listens on ${open.join(' ')}`)
  })
  await check("the gateway answers on the pod's address, to its own name, and asks for a token", async () => {
    const gateway = 'http://127.0.0.1:9181'
    const { status, body } = await ask(pid, `${gateway}/mcp`, { host: 'crm.acme.example' })
    must(status === 401, `the gateway answered ${status} ${body}`)
    const told = await ask(pid, `${gateway}/.well-known/oauth-protected-resource/mcp`, {
      host: 'crm.acme.example',
    })
    must(told.status === 200 && told.body.includes('https://crm.acme.example/mcp'), told.body)
    const other = await ask(pid, `${gateway}/mcp`, podHost)
    must(
      other.status === 421 || other.status === 403 || other.status === 400,
      `to another name ${other.status}`,
    )
  })
  await check(
    'the egress refuses a call without a token, the admin face one without its capability',
    async () => {
      const egress = await ask(pid, 'http://127.0.0.1:9180/downstream/legacy/customers/1')
      must(egress.status === 401, `the egress answered ${egress.status}`)
      const admin = await ask(pid, 'http://127.0.0.1:9183/v1/sessions')
      must(admin.status === 401, `the admin face answered ${admin.status}`)
    },
  )
}

/** The app beside it, as the chart mounts and confines it, in the same network namespace. */
async function checkNeighbour(image, { spec, laid, running }) {
  const [app] = spec.containers
  const container = { ...app, securityContext: { ...app.securityContext, runAsUser: 1000, runAsGroup: 1000 } }
  const script = `
    import { readdirSync, readFileSync } from 'node:fs'
    const seen = {}
    for (const file of readdirSync('/run/sallyport')) {
      try { readFileSync('/run/sallyport/' + file); seen[file] = 'read' } catch (error) { seen[file] = error.code }
    }
    const { status } = await fetch('http://127.0.0.1:9180/downstream/legacy/customers/1')
    console.log(JSON.stringify({ seen, status }))`
  await check(
    "the app, as another user, reads its capability and not the administrator's, and reaches the egress",
    async () => {
      const options = {
        image,
        name: name('app'),
        network: `container:${running.name}`,
        entrypoint: '/nodejs/bin/node',
      }
      const args = ['--input-type=module', '--eval', script]
      const { code, stdout, stderr } = await runToEnd(spec, container, laid, { ...options, args })
      must(code === 0, stdout + stderr)
      const { seen, status } = JSON.parse(stdout)
      must(status === 401, `the egress answered ${status}`)
      const readable = Object.keys(seen).filter((file) => seen[file] === 'read')
      must(readable.length > 0, `the app can read nothing: ${stdout}`)
      must(!readable.some((file) => file.includes('admin.cap')), `the app reads ${readable.join(', ')}`)
      return JSON.stringify(seen)
    },
  )
}

/** Started, and ready as the probes see it. */
async function startReady(spec, sidecar, laid, options) {
  const running = await start(spec, sidecar, laid, options)
  return untilReady(running, sidecar)
}

async function untilReady(running, { startupProbe: { periodSeconds, failureThreshold } }) {
  const end = performance.now() + periodSeconds * failureThreshold * 1000
  while (performance.now() < end) {
    if ((await stateOf(running.name)).status !== 'running')
      throw new Error(`it ended\n${await logsOf(running.name)}`)
    if ((await ask(running.pid, `${telemetry}/readyz`, podHost)).status === 200) return running
    await wait(250)
  }
  throw new Error(`not ready in time\n${await logsOf(running.name)}`)
}

async function ends({ name: container }, seconds) {
  const begun = performance.now()
  await podman('stop', '--time', String(seconds), container)
  const took = (performance.now() - begun) / 1000
  const { exitCode } = await stateOf(container)
  must(exitCode === 0, `exit code ${exitCode} after ${took.toFixed(1)} s\n${await logsOf(container)}`)
  must(took < seconds, `${took.toFixed(1)} s`)
  return `${took.toFixed(1)} s`
}
