import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress } from 'node:zlib'
import { cached, offline } from './cache.ts'
import { run, say } from './run.ts'
import { findChromium, hasChromium } from './tools.ts'

const carrier = '@sparticuz/chromium'
const version = '153.0.0'
const archiveSha512 =
  '8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34efc41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0'

/** A browser to start, with what it needs besides where it is not the machine's own. */
export interface Chromium {
  readonly executable: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * The one that an npm package carries, with its libraries and a font, so that pages look the same on every machine;
 * where it does not run, the machine's own. `undefined`: offline and neither there.
 */
export async function obtainChromium(): Promise<Chromium | undefined> {
  if (process.platform === 'linux' && process.arch === 'x64') {
    try {
      const folder = await cached(`chromium-${version}`, unpack)
      if (folder !== undefined) return unpacked(folder)
    } catch (error) {
      say(`Chromium ${version} from npm: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (offline() && !hasChromium()) return undefined
  return { executable: await findChromium(), env: {} }
}

function unpacked(folder: string): Chromium {
  const env = { LD_LIBRARY_PATH: join(folder, 'lib'), FONTCONFIG_FILE: join(folder, 'fonts.conf') }
  return { executable: join(folder, 'chromium'), env }
}

async function unpack(folder: string): Promise<void> {
  await run({
    what: `Chromium ${version}: downloading with npm (67 MB)`,
    program: 'npm',
    args: [
      'pack',
      `${carrier}@${version}`,
      '--pack-destination',
      folder,
      '--ignore-scripts',
      '--loglevel=error',
    ],
  })
  const archive = join(folder, `sparticuz-chromium-${version}.tgz`)
  const hash = createHash('sha512')
  await pipeline(createReadStream(archive), hash)
  const sum = hash.digest('hex')
  if (sum !== archiveSha512) throw new Error(`the archive has SHA-512 ${sum}, not ${archiveSha512}`)
  await tar(archive, folder)
  const bin = join(folder, 'package', 'bin')
  await inflate(join(bin, 'chromium.br'), join(folder, 'chromium'))
  for (const name of ['al2023', 'fonts']) {
    await inflate(join(bin, `${name}.tar.br`), join(folder, `${name}.tar`))
    await tar(join(folder, `${name}.tar`), folder)
    await rm(join(folder, `${name}.tar`))
  }
  await rm(join(folder, 'package'), { recursive: true })
  await rm(archive)
  await mkdir(join(folder, 'fonts-cache'))
  const places = [
    `<dir>${join(folder, 'fonts')}</dir>`,
    `<cachedir>${join(folder, 'fonts-cache')}</cachedir>`,
  ]
  await writeFile(join(folder, 'fonts.conf'), `<fontconfig>${places.join('')}</fontconfig>\n`)
  const { executable, env } = unpacked(folder)
  await run({ what: `Chromium ${version}: a first start`, program: executable, args: ['--version'], env })
}

function inflate(from: string, to: string): Promise<void> {
  return pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode: 0o755 }))
}

async function tar(archive: string, into: string): Promise<void> {
  await run({
    what: `Chromium ${version}: unpacking`,
    program: 'tar',
    args: ['-xf', archive, '-C', into],
  })
}
