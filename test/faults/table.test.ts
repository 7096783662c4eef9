import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const doc = readFileSync(join(root, 'docs/faults.md'), 'utf8')

/** Where a test file is, by the name that the table has for it. */
const files = new Map(
  readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => [path.split(/[\\/]/).at(-1)?.replace('.test.ts', '') ?? '', join(root, 'test', path)]),
)

/** The rows of every table without their heads, in cells. */
const rows = doc
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| fault'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

it('every row of docs/faults.md names tests that exist', () => {
  expect(rows.length).toBeGreaterThan(40)
  for (const row of rows) {
    const cell = row.at(-1) ?? ''
    if (cell === 'the same test') continue
    const named = [...cell.matchAll(/([a-z-]+): ((?:"[^"]+"(?:, )?)+)/g)]
    expect(named, `no test in: ${row[0]}`).not.toEqual([])
    for (const [, file = '', titles = ''] of named) {
      const source = readFileSync(files.get(file) ?? `there is no ${file}.test.ts`, 'utf8')
      for (const [, title = ''] of titles.matchAll(/"([^"]+)"/g))
        expect(source.includes(`'${title}'`), `${file}: ${title}`).toBe(true)
    }
  }
})

it('every test of a fault stands in a row', () => {
  const named = [...doc.matchAll(/"([^"]+)"/g)].map(([, title]) => title)
  for (const [name, path] of files) {
    if (!/[\\/]faults[\\/]/.test(path) || name === 'table') continue
    const titles = [
      ...readFileSync(path, 'utf8').matchAll(/^ *(?:it|both)(?:\.skipIf\(.*\))?\(\s*'((?:[^'\\]|\\.)+)'/gm),
    ]
    expect(titles, name).not.toEqual([])
    for (const [, title] of titles) expect(named).toContain(title)
  }
})
