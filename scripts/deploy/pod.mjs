/**
 * One pod of a rendered manifest on podman and runc, as a kubelet would run it: the volumes with its ownership and
 * links, the pod's own network namespace, the security context word for word.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, must, run } from './tally.mjs'
import { containers, podman } from './image.mjs'

/** Folders on the host for the volumes of a pod; `secrets` and `configMaps` by name, each item by key. */
export function layVolumes(spec, { secrets, configMaps, folder }) {
  const group = spec.securityContext.fsGroup
  const laid = new Map()
  for (const volume of spec.volumes) {
    const at = join(folder, volume.name)
    mkdirSync(at)
    laid.set(volume.name, at)
    if (volume.configMap) layFiles(at, configMaps[volume.configMap.name], 0o644, group)
    else if (volume.secret)
      layFiles(at, picked(secrets, volume.secret.secretName, volume.secret.items), 0o440, group)
    else if (volume.projected) {
      const sources = volume.projected.sources.map(({ secret }) => picked(secrets, secret.name, secret.items))
      layFiles(at, Object.assign({}, ...sources), 0o440, group)
    } else own(at, volume.emptyDir ? 0o2777 : 0o2775, group)
  }
  return laid
}

function picked(secrets, name, items) {
  must(secrets[name], `no Secret ${name} was given to the pod`)
  if (!items) return secrets[name]
  return Object.fromEntries(items.map(({ key, path }) => [path, secrets[name][key]]))
}

/** Kubelet's way: the files lie in a hidden folder that is swapped whole, and their names are links into it. */
function layFiles(at, files, mode, group) {
  mkdirSync(join(at, '..version'))
  symlinkSync('..version', join(at, '..data'))
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(at, '..version', name), content)
    own(join(at, '..version', name), mode, group)
    symlinkSync(join('..data', name), join(at, name))
  }
}

function own(path, mode, group) {
  chownSync(path, 0, group)
  chmodSync(path, mode)
}

/** Arguments of `podman run` that say what the pod and the container say. */
function argumentsOf(spec, container, laid, { network, name }) {
  const context = { ...spec.securityContext, ...container.securityContext }
  must(context.seccompProfile?.type === 'RuntimeDefault', 'the container asks for no seccomp profile')
  // crun, the other runtime of Debian, wants cgroups and limits that a machine in a container has not.
  const args = ['--name', name, '--runtime', 'runc', '--network', network, '--read-only-tmpfs=false']
  // The machines that run this may not raise limits, which podman does unless told which to set.
  args.push('--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', '--pull', 'never')
  args.push(
    '--user',
    `${context.runAsUser}:${context.runAsGroup ?? 0}`,
    '--group-add',
    String(spec.securityContext.fsGroup),
  )
  if (context.readOnlyRootFilesystem) args.push('--read-only')
  if (context.allowPrivilegeEscalation === false) args.push('--security-opt', 'no-new-privileges')
  for (const capability of context.capabilities?.drop ?? []) args.push('--cap-drop', capability.toLowerCase())
  for (const { name: volume, mountPath, readOnly } of container.volumeMounts) {
    args.push('--volume', `${laid.get(volume)}:${mountPath}${readOnly ? ':ro' : ''}`)
  }
  for (const { name: variable, value } of container.env ?? []) args.push('--env', `${variable}=${value}`)
  return args
}

/** Starts the container and leaves it running. */
export async function start(spec, container, laid, { image, name, network = 'none' }) {
  await podman(
    'run',
    '--detach',
    ...argumentsOf(spec, container, laid, { network, name }),
    image,
    ...(container.args ?? []),
  )
  return { name, pid: Number((await podman('inspect', '--format', '{{.State.Pid}}', name)).trim()) }
}

/** Runs the container to its end, a minute at most, with other arguments: the exit code and what it wrote. */
export async function runToEnd(spec, container, laid, { image, name, args, network = 'none', entrypoint }) {
  const given = ['--timeout', '60', ...argumentsOf(spec, container, laid, { network, name })]
  if (entrypoint) given.push('--entrypoint', entrypoint)
  return attempt('podman', ['--cgroup-manager=cgroupfs', 'run', '--rm', ...given, image, ...args], containers)
}

export async function stateOf(name) {
  const [{ State }] = JSON.parse(await podman('inspect', name))
  return { status: State.Status, exitCode: State.ExitCode, pid: State.Pid }
}

export async function logsOf(name) {
  const { stdout, stderr } = await attempt('podman', ['logs', name], containers)
  return stdout + stderr
}

export async function remove(names) {
  await attempt('podman', ['rm', '--force', '--ignore', '--time', '0', ...names], containers)
}

/** Runs node in the running container, with its user and its file system. */
export async function inside(name, ...args) {
  return podman('exec', name, '/nodejs/bin/node', ...args)
}

/** A GET from the pod's network namespace. Kubelet's probes name the pod's address as Host. */
export async function ask(pid, url, headers = {}) {
  const script = `
    import { request } from 'node:http'
    const asked = request(${JSON.stringify(url)}, { headers: ${JSON.stringify(headers)} }, (answer) => {
      let body = ''
      answer.on('data', (chunk) => { body += chunk }).on('end', () => console.log(JSON.stringify({ status: answer.statusCode, body })))
    })
    asked.on('error', (error) => console.log(JSON.stringify({ status: 0, body: error.code })))
    asked.end()`
  const args = ['--net', '--target', String(pid), process.execPath, '--input-type=module', '--eval', script]
  return JSON.parse(await run('nsenter', args))
}

/** What listens in the pod's network namespace: addresses as the kernel prints them, decoded. */
export function listeners(pid) {
  return ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map(([, local]) => {
        const [address, port] = local.split(':')
        const bytes = address.match(/../g).map((byte) => Number.parseInt(byte, 16))
        const host = kind === 'tcp' ? bytes.reverse().join('.') : address
        return `${host}:${Number.parseInt(port, 16)}`
      }),
  )
}

export function statusOf(pid) {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n')
  return Object.fromEntries(
    lines.map((line) => line.split(/:\s*/)).map(([key, ...rest]) => [key, rest.join(':').trim()]),
  )
}
