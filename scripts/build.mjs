/**
 * What the package ships, in dist/: the program as a few files with its dependencies inside, and `fetch` alone.
 * Parts that serving does not need at once are files of their own (a dynamic `import()` in src/). Names and lines are
 * kept, so that the frames in a log can be read. docs/decisions/0016-bundle.md.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(import.meta.dirname)
const out = process.argv[2] ?? join(root, 'dist')

/**
 * Modules that get another text in the bundle.
 * axios is what node-vault speaks through where nothing else is given; src/storage/secrets gives something else.
 * HTTP/2 is neither served nor spoken: undici and fastify do without it where it is missing.
 */
const replaced = { axios: 'module.exports = {}', 'node:http2': 'module.exports = { constants: {} }' }

/**
 * An `import` of a module of Node's reads each of its exports, and so loads what Node keeps for the first use: with
 * node:http its whole fetch (14 MB), with node:process the streams of a terminal. This takes them without that.
 */
const builtin = (name) => `module.exports = process.getBuiltinModule('${name}')`

const replace = {
  name: 'replace',
  resolveId(id) {
    const name = isBuiltin(id) && !id.startsWith('node:') ? `node:${id}` : id
    // The bundler's own helpers begin with it.
    if (name === 'node:module') return null
    return isBuiltin(name) || Object.hasOwn(replaced, name) ? { id: `\0${name}` } : null
  },
  load(id) {
    if (!id.startsWith('\0')) return null
    const name = id.slice(1)
    return replaced[name] ?? (isBuiltin(name) ? builtin(name) : null)
  },
}

async function bundle() {
  const build = await rolldown({
    cwd: root,
    input: { cli: join(root, 'src/cli.ts') },
    platform: 'node',
    tsconfig: false,
    plugins: [replace],
    onLog: (_level, log) => {
      throw new Error(log.message)
    },
  })
  const { output } = await build.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'program/[name].js',
    codeSplitting: { groups: [{ name: 'node', test: /^\0node:/ }] },
    keepNames: true,
    comments: false,
    sourcemap: true,
  })
  await build.close()
  return output.filter(({ type }) => type === 'chunk')
}

/** The folders of the packages of which something is in the bundle. */
function bundledPackages(chunks) {
  const folders = new Set()
  for (const { modules } of chunks) {
    for (const [id, { renderedLength }] of Object.entries(modules)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]
      if (folder !== undefined && renderedLength > 0) folders.add(folder)
    }
  }
  return [...folders].sort()
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((each) => /^(?:licen[cs]e|copying)/i.test(each))
  const text =
    file === undefined
      ? `${license}, without a text of its own.`
      : readFileSync(join(folder, file), 'utf8').trim()
  return `## ${name} ${version} (${license})\n\n${text.replaceAll(/^/gm, '    ')}\n`
}

function writeLicences(chunks) {
  const parts = bundledPackages(chunks).map(licenceOf)
  const head = '# What is bundled into the program, and its licences\n'
  writeFileSync(join(out, 'THIRD-PARTY.md'), [head, ...parts].join('\n'))
}

/** `sallyport/fetch` with its types: src/fetch.ts imports nothing, so nothing has to be bundled. */
function compileFetch() {
  const compiler = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
  const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', out]
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('src/fetch.ts does not compile')
}

rmSync(out, { recursive: true, force: true })
const chunks = await bundle()
writeLicences(chunks)
compileFetch()
for (const { fileName, code } of chunks) {
  process.stderr.write(
    `${String(Math.round(code.length / 1024)).padStart(6)} KiB  ${relative(root, join(out, fileName))}\n`,
  )
}
