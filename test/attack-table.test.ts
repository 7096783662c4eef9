import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const table = readFileSync(join(root, 'docs/attacks.md'), 'utf8')
const rows = table.split('\n').filter((line) => line.startsWith('| A'))
const namesIn = (text: string) => [...text.matchAll(/\[`([a-z-]+)`\]/g)].map(([, name]) => name!)

function filesOf(folder: string, ending: string): string[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(ending))
  return names.map((name) => name.slice(0, -ending.length)).sort()
}

describe('the table of attacks (docs/attacks.md)', () => {
  it('names every attack test, and none that is not there', () => {
    expect(rows.flatMap(namesIn).sort()).toEqual(filesOf('test/attack', '.test.ts'))
  })
})
