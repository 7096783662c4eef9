/** What the chart in helm/ must do: lint, render, hold to the schemas of Kubernetes, refuse what is wrong. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { attempt, check, must, run } from './tally.mjs'
import { kubernetesVersion } from './tools.mjs'

const chart = 'helm/sallyport'
const release = ['--kube-version', kubernetesVersion, '--namespace', 'crm']

export const valuesFiles = () => readdirSync(join(chart, 'ci')).map((name) => join(chart, 'ci', name))

/** The manifests of a release, by kind. */
export async function render(tools, args, from = chart) {
  const text = await run(tools.helm, ['template', 'crm', from, ...release, ...args])
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter(Boolean)
  return { text, ...Object.fromEntries(objects.map((object) => [object.kind, object])) }
}

export async function checkChart(tools, scratch) {
  for (const file of valuesFiles()) {
    await check(
      `helm lint --strict: ${file}`,
      () => void run(tools.helm, ['lint', '--strict', chart, '--values', file]),
    )
    await check(`kubeconform -strict: ${file}`, async () =>
      conform(tools, (await render(tools, ['-f', file])).text),
    )
  }
  const [minimal] = valuesFiles().filter((name) => name.includes('minimal'))
  await checkShape(tools, minimal)
  await checkRefusals(tools, minimal)
  await check('kubeconform catches a misspelt field', () => catchesMisspelling(tools, minimal))
  await check('another chart takes the sidecar into a pod of its own', () =>
    takenAsDependency(tools, minimal, scratch),
  )
}

async function checkShape(tools, values) {
  const { Deployment, ServiceAccount, PersistentVolumeClaim } = await render(tools, ['-f', values])
  const { spec } = Deployment.spec.template
  const [sidecar] = spec.initContainers
  const app = spec.containers[0]
  await check('the sidecar is a native one: restarted always, started before the app', () => {
    must(sidecar.restartPolicy === 'Always', 'restartPolicy is not Always')
    must(sidecar.startupProbe.httpGet.path === '/startupz', 'no startup probe')
    must(sidecar.livenessProbe && sidecar.readinessProbe, 'no liveness or readiness probe')
  })
  await check('one instance at a time on one data folder', () => {
    must(
      Deployment.spec.replicas === 1 && Deployment.spec.strategy.type === 'Recreate',
      'two could run at once',
    )
    must(PersistentVolumeClaim, 'state does not outlive the pod')
  })
  await check('the pod is restricted and holds no token of its service account', () => {
    must(spec.automountServiceAccountToken === false, 'the pod mounts a token')
    must(ServiceAccount.automountServiceAccountToken === false, 'the account gives out tokens')
    must(spec.securityContext.seccompProfile.type === 'RuntimeDefault', 'no seccomp profile')
    for (const { name, securityContext: context } of [sidecar, app]) {
      must(context.runAsNonRoot && context.readOnlyRootFilesystem, `${name} may be root or write its root`)
      must(context.allowPrivilegeEscalation === false, `${name} may gain privileges`)
      must(context.capabilities.drop.includes('ALL'), `${name} keeps capabilities`)
    }
  })
  await check('clients come to the gateway where there is a server behind it, else to the app', async () => {
    must(
      sidecar.ports.some(({ name, containerPort }) => name === 'gateway' && containerPort === 9181),
      'no port',
    )
    const to = async (...args) =>
      (await render(tools, ['-f', values, ...args])).Service.spec.ports[0].targetPort
    must((await to()) === 'gateway', `the Service points to ${await to()}`)
    must((await to('--set', 'service.targetPort=mcp')) === 'mcp', 'the Service cannot point elsewhere')
    const bare = await render(tools, ['-f', values, '--set', 'config.server=null'])
    must(bare.Service.spec.ports[0].targetPort === 'mcp', 'the Service points to a gateway that is not there')
    must(
      !bare.Deployment.spec.template.spec.initContainers[0].ports[1],
      'a port for a gateway that is not there',
    )
    const several = [
      '--set',
      'config.server=null',
      '--set',
      'config.servers.crm.url=http://127.0.0.1:3000/mcp',
    ]
    must((await to(...several)) === 'gateway', 'of several servers none is fronted')
  })
  await check('the app sees the capability volume, and neither data, key nor secrets', () => {
    const mounts = app.volumeMounts.map(({ name, readOnly }) => `${name}:${readOnly ? 'ro' : 'rw'}`)
    must(mounts.join() === 'sallyport-run:ro', `the app mounts ${mounts.join(', ')}`)
  })
}

async function checkRefusals(tools, values) {
  const given = ['-f', values]
  const refusals = [
    ['a misspelt value', ['--set', 'persistance.enabled=false'], /persistance/],
    [
      'a value of the wrong type',
      ['--set-string', 'terminationGracePeriodSeconds=soon'],
      /terminationGracePeriodSeconds/,
    ],
    ['a claim that several nodes write', ['--set', 'persistence.accessModes={ReadWriteMany}'], /accessModes/],
    ['no image of the app', ['--set', 'app.image='], /app\.image/],
    ['no key for the local store', ['--set', 'key.existingSecret='], /key\.existingSecret/],
    ['no login', ['--set', 'config.login=null'], /config\.login/],
    ["a data folder of one's own", ['--set', 'config.data=/tmp'], /config\.data/],
    ['a gateway at another place', ['--set', 'config.listen.gateway=127.0.0.1:1'], /config\.listen\.gateway/],
    ["an app that runs as sallyport's user", ['--set', 'app.securityContext.runAsUser=10180'], /runAsUser/],
    ['a cluster without native sidecars', ['--kube-version', '1.28.0'], /kubeVersion/],
  ]
  for (const [what, args, named] of refusals) {
    await check(`refused, and named: ${what}`, async () => {
      const { code, stderr } = await attempt(tools.helm, [
        'template',
        'crm',
        chart,
        ...release,
        ...given,
        ...args,
      ])
      must(code !== 0, 'it was rendered')
      must(named.test(stderr), `the error does not name it: ${stderr}`)
    })
  }
}

async function catchesMisspelling(tools, values) {
  const { text } = await render(tools, ['-f', values])
  const broken = text.replace('restartPolicy:', 'restartPolicies:')
  must(broken !== text, 'nothing was misspelt')
  const { code, stdout } = await attempt(tools.kubeconform, conformArguments(tools), { input: broken })
  must(code !== 0 && stdout.includes('restartPolicies'), `not caught: ${stdout}`)
}

async function takenAsDependency(tools, values, scratch) {
  const parent = join(scratch, 'parent')
  mkdirSync(join(parent, 'templates'), { recursive: true })
  mkdirSync(join(parent, 'charts'))
  const { appVersion, version } = parse(await run(tools.helm, ['show', 'chart', chart]))
  const dependencies = `dependencies: [{ name: sallyport, version: ${version}, repository: "" }]`
  writeFileSync(
    join(parent, 'Chart.yaml'),
    `apiVersion: v2\nname: parent\nversion: 1.0.0\nappVersion: ${appVersion}\n${dependencies}\n`,
  )
  writeFileSync(join(parent, 'templates', 'pod.yaml'), podOfAnotherChart)
  await run(tools.helm, ['package', chart, '--destination', join(parent, 'charts')])
  const own = parse(await run('cat', [values]))
  writeFileSync(
    join(parent, 'values.yaml'),
    JSON.stringify({ sallyport: { ...own, app: { enabled: false } } }),
  )
  const { text, Deployment, Pod } = await render(tools, [], parent)
  must(!Deployment, 'the dependency made a Deployment of its own')
  must(Pod.spec.initContainers[0].restartPolicy === 'Always', 'no sidecar in the pod')
  await conform(tools, text)
}

const podOfAnotherChart = `apiVersion: v1
kind: Pod
metadata:
  name: other
spec:
  securityContext: {{- include "sallyport.podSecurityContext" .Subcharts.sallyport | nindent 4 }}
  initContainers: {{- include "sallyport.sidecar" .Subcharts.sallyport | nindent 4 }}
  containers:
    - name: app
      image: other:1
      volumeMounts: {{- include "sallyport.appVolumeMounts" .Subcharts.sallyport | nindent 8 }}
  volumes: {{- include "sallyport.volumes" .Subcharts.sallyport | nindent 4 }}
`

async function conform(tools, text) {
  const { code, stdout, stderr } = await attempt(tools.kubeconform, conformArguments(tools), { input: text })
  must(code === 0, stdout + stderr)
  must(/Valid: [1-9]/.test(stdout) && /Skipped: 0/.test(stdout), `nothing was checked: ${stdout}`)
}

function conformArguments({ schemas }) {
  return [
    '-strict',
    '-summary',
    '-schema-location',
    join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json'),
    '-',
  ]
}
