/**
 * The image and the chart, proved without a container daemon, a registry or a cluster: the Dockerfile is built, the
 * chart is rendered and checked, and the rendered pod is run from the image. Needs root (or what buildah and podman
 * need), npm, and Go or python3-venv; fetches everything else into SALLYPORT_CACHE (default ~/.cache/sallyport).
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finish, run, step } from './deploy/tally.mjs'

process.chdir(join(import.meta.dirname, '..'))
if (!existsSync('node_modules/yaml')) {
  await step('npm ci', () => run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']))
}
const { buildImage, openStorage, podman, provideBases } = await import('./deploy/image.mjs')
const { provideChartTools, provideContainerTools } = await import('./deploy/tools.mjs')
const { checkChart, render } = await import('./deploy/chart.mjs')
const { checkImage } = await import('./deploy/check-image.mjs')
const { checkPod, removeContainers } = await import('./deploy/check-pod.mjs')

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-deploy-'))
const image = `localhost/sallyport:test-${process.pid}`
const marker = `marker-${crypto.randomUUID()}`

async function tidy() {
  await removeContainers().catch(() => {}) // podman may not be there yet
  await podman('rmi', '--force', image).catch(() => {})
  rmSync(scratch, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => tidy().finally(() => process.exit(130)))
}

async function makeImage() {
  await provideContainerTools()
  await openStorage()
  const bases = await provideBases(JSON.parse(readFileSync('package.json', 'utf8')))
  await step('build the Dockerfile', () => buildImage({ context: '.', name: image, bases, marker, scratch }))
}

try {
  // Compiling the tools and building the image wait for different things.
  const made = await Promise.allSettled([provideChartTools(), makeImage()])
  for (const { reason } of made.filter(({ status }) => status === 'rejected')) throw reason
  const tools = made[0].value
  await checkChart(tools, scratch)
  await checkImage(image, { marker, scratch })
  await checkPod(image, { tools, render, scratch })
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
} finally {
  await tidy()
  finish()
}
