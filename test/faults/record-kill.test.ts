import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { verifyRecords } from '../../src/audit/index.ts'
import { type Anchor, linesOf, scratch, segmentPaths } from '../audit/record-kit.ts'

const child = fileURLToPath(new URL('./record-child.ts', import.meta.url))
const kills = 20

/** Run the child until it has acknowledged `after` records and a little longer, kill it, and return what it said. */
function killedAfter(after: number, args: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    let doomed = false
    running.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (doomed || said.split('\n').length <= after) return
      doomed = true
      setTimeout(() => running.kill('SIGKILL'), Math.random() * 8)
    })
    running.on('error', reject)
    running.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(said.split('\n').slice(0, -1))
      else reject(new Error(`the child ended by itself with ${code}`))
    })
  })
}

it('loses no acknowledged record when killed at random points, and the chain goes on verifiable', async () => {
  const directory = join(scratch(), 'records')
  const keyFile = join(scratch(), 'key.pem')
  const anchorFile = join(scratch(), 'anchors.json')
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  writeFileSync(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const { kty = '', crv = '', x = '' } = publicKey.export({ format: 'jwk' })

  let acknowledged = 0
  for (let round = 0; round < kills; round += 1) {
    const said = await killedAfter(1 + Math.floor(Math.random() * 600), [directory, keyFile, anchorFile])
    const written = new Map<string, string>()
    for (const path of segmentPaths(directory)) {
      const chain = path.split('/').at(-1)!.split('.')[0]!
      for (const line of linesOf(path)) written.set(`${chain} ${/^\{"n":(\d+)/.exec(line)?.[1]}`, line)
    }
    for (const line of said) {
      const [chain, n, request] = line.split(' ')
      expect(written.get(`${chain} ${n}`)).toContain(`"request":"${request}"`)
    }
    acknowledged += said.length
    const anchors: Anchor[] = existsSync(anchorFile) ? JSON.parse(readFileSync(anchorFile, 'utf8')) : []
    const report = await verifyRecords(directory, { anchors, trustedKeys: [{ kty, crv, x }] })
    expect(report.problems).toEqual([])
    expect(report.chains).toHaveLength(round + 1)
    expect(report.chains.at(-1)?.state).toBe('open')
    expect(report.notices.map(({ code }) => code)).toContain('open-ended')
  }

  const geneses = segmentPaths(directory)
    .filter((path) => path.endsWith('.000001.jsonl'))
    .map((path) => JSON.parse(linesOf(path)[0]!))
  expect(geneses.map(({ previous }) => previous?.chain)).toEqual([
    undefined,
    ...geneses.slice(0, -1).map(({ chain }) => chain),
  ])
  expect(acknowledged).toBeGreaterThan(kills)
}, 180_000)
