/** Builds the image without a daemon or a registry: both bases are made here, from Debian and npm packages. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { attempt, run, step } from './tally.mjs'
import { cache, provideNpmPackage } from './tools.mjs'

const suite = 'bookworm'
const npmVersion = '11.6.2'

const storageFile = join(cache, 'storage.conf')
export const containers = { env: { CONTAINERS_STORAGE_CONF: storageFile } }
export const podman = (...args) => run('podman', ['--cgroup-manager=cgroupfs', ...args], containers)
const buildah = (...args) => run('buildah', args, containers)

/** Images of our own, apart from those of the machine; overlay where the kernel lets us, else plain copies. */
export async function openStorage() {
  mkdirSync(cache, { recursive: true })
  if (existsSync(storageFile)) return
  for (const driver of ['overlay', 'vfs']) {
    const folder = join(cache, `storage-${driver}`)
    const lines = [`driver = "${driver}"`, `graphroot = "${folder}"`, `runroot = "${folder}-run"`]
    writeFileSync(storageFile, `[storage]\n${lines.join('\n')}\n`)
    const { code, stderr } = await attempt('buildah', ['from', '--name', 'probe', 'scratch'], containers)
    const mounted = code === 0 && (await attempt('buildah', ['mount', 'probe'], containers)).code === 0
    await attempt('buildah', ['rm', 'probe'], containers)
    if (mounted) return
    rmSync(storageFile)
    if (driver === 'vfs') throw new Error(`buildah cannot keep an image here\n${stderr}`)
  }
}

/**
 * The two bases, shaped as the Dockerfile's defaults: one with a shell, node and npm, and one with only node and
 * what it links to, at the place where distroless keeps it. Made once for one recipe.
 */
export async function provideBases(manifest) {
  const nodePackage = `node-linux-${process.arch}`
  const node = join(
    await provideNpmPackage(nodePackage, manifest.optionalDependencies[nodePackage]),
    'bin',
    'node',
  )
  const npm = await provideNpmPackage('npm', npmVersion)
  const authorities = process.env.NODE_EXTRA_CA_CERTS ?? '/etc/ssl/certs/ca-certificates.crt'
  const recipe = createHash('sha256')
    .update([suite, node, npm].join('\n'))
    .update(readFileSync(authorities))
    .update(String(makeBases))
  const tag = recipe.digest('hex').slice(0, 12)
  const names = { build: `localhost/base-build:${tag}`, runtime: `localhost/base-runtime:${tag}` }
  const present = await Promise.all(
    Object.values(names).map((name) => attempt('buildah', ['inspect', name], containers)),
  )
  if (present.some(({ code }) => code !== 0)) {
    await attempt('buildah', ['rmi', '--all'], containers) // what an older recipe made
    await step(`make the base images from Debian ${suite}`, () =>
      makeBases(names, { node, npm, authorities }),
    )
  }
  return names
}

async function makeBases(names, { node, npm, authorities }) {
  const [build, runtime] = [
    (await buildah('from', 'scratch')).trim(),
    (await buildah('from', 'scratch')).trim(),
  ]
  try {
    const [full, bare] = [(await buildah('mount', build)).trim(), (await buildah('mount', runtime)).trim()]
    await run('mmdebstrap', [
      '--variant=minbase',
      '--include=ca-certificates',
      '--dpkgopt=force-unsafe-io',
      '--format=directory',
      suite,
      full,
    ])
    copyFileSync(node, join(full, 'usr/local/bin/node'))
    cpSync(npm, join(full, 'usr/local/lib/node_modules/npm'), { recursive: true })
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(full, 'usr/local/bin/npm'))
    const trusted = '/etc/ssl/certs/ca-certificates.crt'
    copyFileSync(authorities, join(full, trusted))

    for (const folder of ['etc', 'tmp', 'nodejs/bin', 'usr/lib', 'usr/lib64'])
      mkdirSync(join(bare, folder), { recursive: true })
    for (const folder of ['lib', 'lib64']) symlinkSync(`usr/${folder}`, join(bare, folder))
    copyFileSync(node, join(bare, 'nodejs/bin/node'))
    const linked = (await run('chroot', [full, 'ldd', '/usr/local/bin/node'])).matchAll(/\/\S+\.so\S*/g)
    for (const [library] of linked) {
      mkdirSync(join(bare, dirname(library)), { recursive: true })
      copyFileSync(join(full, library), join(bare, library))
    }
    await buildah(
      'config',
      '--env',
      'PATH=/usr/local/bin:/usr/bin:/bin',
      '--env',
      `NODE_EXTRA_CA_CERTS=${trusted}`,
      build,
    )
    await buildah('commit', '--quiet', build, names.build)
    await buildah('commit', '--quiet', runtime, names.runtime)
  } finally {
    await attempt('buildah', ['rm', build, runtime], containers)
  }
}

/** Builds the Dockerfile; the registry settings of this machine go in as the build secret, with `marker` among them. */
export async function buildImage({ context, name, bases, marker, scratch }) {
  const npmrc = join(scratch, 'npmrc')
  writeFileSync(npmrc, `; ${marker}\n${registrySettings()}\n`, { mode: 0o600 })
  const args = [
    '--isolation',
    'chroot',
    '--pull=never',
    '--format',
    'docker',
    '--secret',
    `id=npmrc,src=${npmrc}`,
  ]
  const bound = ['--build-arg', `BUILD_BASE=${bases.build}`, '--build-arg', `RUNTIME_BASE=${bases.runtime}`]
  const npmCache = join(cache, 'npm-cache')
  mkdirSync(npmCache, { recursive: true })
  await buildah('bud', ...args, ...bound, '--volume', `${npmCache}:/root/.npm`, '--tag', name, context)
}

function registrySettings() {
  const file =
    process.env.NPM_CONFIG_USERCONFIG ?? process.env.npm_config_userconfig ?? join(homedir(), '.npmrc')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const registry = process.env.NPM_CONFIG_REGISTRY ?? process.env.npm_config_registry
  if (registry) lines.push(`registry=${registry}`)
  return lines.filter((line) => /registry|_auth|_password|username/.test(line)).join('\n')
}

export async function inspectImage(name) {
  const [image] = JSON.parse(await run('podman', ['image', 'inspect', name], containers))
  return image
}

/** Every layer, with the manifest and the history, in one folder. */
export async function unpackLayers(name, folder) {
  await podman('save', '--quiet', '--format', 'docker-dir', '--output', folder, name)
}
