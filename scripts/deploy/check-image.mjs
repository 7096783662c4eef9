/** What the image must be, looked at from outside. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { attempt, check, must } from './tally.mjs'
import { inspectImage, unpackLayers } from './image.mjs'

export async function checkImage(name, { marker, scratch }) {
  const { Config: config, User } = await inspectImage(name)
  await check('the image runs as a user of its own, by number', () => {
    must(/^[1-9]\d{3,}:[1-9]\d{3,}$/.test(User), `its user is "${User}"`)
  })
  await check('the image starts the single form, without the inspector and without __proto__', () => {
    const line = [...config.Entrypoint, ...config.Cmd].join(' ')
    must(/--disable-sigusr1 .*--disable-proto=delete .*single --config \/etc\/sallyport\//.test(line), line)
  })
  await check('no secret stands in the environment of the image', () => {
    const suspicious = config.Env.filter((line) => /secret|token|passw|key|auth|npm_config|proxy/i.test(line))
    must(suspicious.length === 0, suspicious.join('\n'))
  })

  const folder = join(scratch, 'layers')
  await unpackLayers(name, folder)
  const layers = readdirSync(folder).map((file) => ({
    file: join(folder, file),
    bytes: plain(readFileSync(join(folder, file))),
  }))
  await check('no layer, manifest or history holds the build secret', () => {
    must(layers.length >= 3, 'no layers were looked at')
    for (const { file, bytes } of layers) must(!bytes.includes(marker), `found in ${file}`)
  })
  const entries = await entriesOf(layers)
  const files = entries.map(({ path }) => path)
  await check('the image holds the program and its production dependencies, and nothing else', () => {
    for (const wanted of ['app/dist/cli.js', 'app/package.json', 'app/node_modules/fastify/package.json']) {
      must(files.includes(wanted), `${wanted} is missing`)
    }
    const code = files.filter((file) => /^app\/node_modules\/.*\.[cm]?js$/.test(file))
    must(code.length === 0, `packages are in the bundle and here too: ${code[0]}`)
    const compiled = files.filter((file) => /^app\/dist\/cache\/v[^/]+-10180\/[0-9a-f]+$/.test(file))
    must(compiled.length > 0, 'there is no compiled code for the user of the image')
    const unwanted =
      /^app\/(src|test|scripts|docs|data|\.git|\.npmrc|node_modules\/(typescript|vitest|node-linux-[^/]+|@types))(\/|$)|\.env$|npmrc$/
    const found = files.filter((file) => unwanted.test(file))
    must(found.length === 0, found.slice(0, 10).join('\n'))
  })
  await check('the image has no shell, no package manager and no file that runs as its owner', () => {
    const shells = files.filter((file) => /(^|\/)((ba|da|a|z)?sh|busybox|npm|apt|dpkg)$/.test(file))
    must(shells.length === 0, shells.join('\n'))
    const owned = entries.filter(({ mode }) => /^-(..s|.{5}s)/.test(mode)).map(({ path }) => path)
    must(owned.length === 0, owned.join('\n'))
  })
}

function plain(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
}

/** What the layers hold; the manifest and the configuration are no archives and hold nothing. */
async function entriesOf(layers) {
  const entries = []
  for (const { file } of layers) {
    const { code, stdout } = await attempt('tar', ['--list', '--verbose', '--file', file])
    if (code !== 0) continue
    for (const line of stdout.trim().split('\n')) {
      const [mode, , , , , ...path] = line.split(/\s+/)
      entries.push({ mode, path: path[0] })
    }
  }
  return entries
}
