import { posix } from 'node:path'
import { expect, it } from 'vitest'
import { readTarget, type Target } from '../../src/egress/path.ts'
import { SallyportError } from '../../src/model/index.ts'
import { startWorld, token } from '../egress/world.ts'
import { readCorpus } from '../fuzz/engine.ts'
import { readByPython } from '../fuzz/python.ts'
import { parts } from '../kit/parts.ts'

const read = (target: string): Target | undefined => {
  try {
    return readTarget(target)
  } catch (error) {
    if (error instanceof SallyportError) return undefined
    throw error
  }
}

/** Below an operation that takes every path. */
const targets = Object.keys(readCorpus('path'))
  .filter((target) => /^\/downstream\/orders(?=$|[/?])/.test(target) && !/[^\x21-\xff]/.test(target))
  .map((target) => target.replace('/orders', '/orders/files'))

/** Asks the egress for each of them. Gives what reached the downstream, which is all that was read, or nothing. */
async function askForAll(): Promise<readonly string[]> {
  const world = await startWorld({ basePath: '/base' })
  const arrived: string[] = []
  for (const target of targets) {
    world.seen.length = 0
    const answer = await world.raw(
      `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    )
    const expected = read(target)
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
    if (expected === undefined) {
      expect([target, status, world.seen]).toEqual([target, 400, []])
      continue
    }
    const sent = world.seen.map(({ url }) => url)
    expect([target, sent]).toEqual([target, status === 200 ? [`/base${expected.path}${expected.query}`] : []])
    arrived.push(...sent)
  }
  await world.close()
  return arrived
}

const timeout = 60_000

it(
  'every path that was kept reaches the downstream as it was read, below its base, or not at all',
  async () => {
    expect((await askForAll()).length).toBeGreaterThan(20)
  },
  timeout,
)

const { clients } = parts()

it.skipIf(clients === undefined)(
  'Python reads them below the base as well',
  async () => {
    const arrived = await askForAll()
    const readings = readByPython(
      clients!.python.program,
      arrived.map((url) => ['', url]),
    )
    expect(readings).toHaveLength(arrived.length)
    for (const [index, [host, path, , plain, resolved]] of readings.entries()) {
      expect([host, path]).toEqual(['host', arrived[index]!.split('?')[0]])
      expect(resolved.startsWith('/base/files')).toBe(true)
      expect(resolved).toBe(posix.normalize(plain).replace(/(?<=.)\/$/, ''))
      expect(plain.split('/')).not.toContain('..')
    }
  },
  timeout,
)
