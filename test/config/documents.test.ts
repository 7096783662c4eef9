import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ConfigErrors, loadBoth } from '../../src/config/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Stands for whatever a document's configuration refers to. */
const openapi = `openapi: 3.1.0
paths:
  /orders: { get: { operationId: listOrders }, post: {} }
  /orders/{id}: { get: {}, delete: {} }
  /orders/{id}/refunds: { post: { x-sallyport-class: critical } }
`

function referredTo(path: string): string {
  if (path.includes('openapi')) return openapi
  return path.includes('-ca.') ? '-----BEGIN CERTIFICATE-----' : 'a secret of thirty-two bytes or more'
}

interface Block {
  readonly place: string
  readonly text: string
  readonly fragment: boolean
}

function filesBelow(folder: string, end: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(end))
    .map((entry) => join(entry.parentPath, entry.name))
}

function blocksOf(path: string): Block[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/^( *)```ya?ml([^\n]*)\n([^]*?)^\1```/gm)].map((found) => {
    const [, indent = '', info = '', body = ''] = found
    const line = text.slice(0, found.index).split('\n').length
    return {
      place: `${relative(root, path)}:${line}`,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      fragment: info.includes('fragment') || /^(apiVersion|kind):/m.test(body),
    }
  })
}

async function problemsOf(text: string): Promise<string> {
  const readFile = async (path: string) => ({
    bytes: new TextEncoder().encode(path === 'doc.yaml' ? text : referredTo(path)),
    worldReadable: false,
  })
  const form = /^key:/m.test(text) ? 'single' : 'dev'
  try {
    await loadBoth('doc.yaml', { form, env: new Proxy({}, { get: () => 'from-the-environment' }), readFile })
    return ''
  } catch (error) {
    return error instanceof ConfigErrors ? error.describe() : String(error)
  }
}

const readme = readdirSync(root)
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(root, name))
const blocks = [...readme, ...filesBelow('docs', '.md')].flatMap(blocksOf)

describe('every YAML in the documents', () => {
  it('is found', () => {
    expect(blocks.filter((block) => !block.fragment).length).toBeGreaterThan(0)
  })

  it.each(blocks.map((block) => [block.place, block] as const))(
    'parses: %s',
    async (_, { text, fragment }) => {
      const documents = parseAllDocuments(text, { version: '1.2', uniqueKeys: true })
      expect([...documents].flatMap(({ errors }) => errors.map(({ message }) => message))).toEqual([])
      if (!fragment) expect(await problemsOf(text)).toBe('')
    },
  )
})

describe('every example configuration', () => {
  it.each(filesBelow('examples/config', '.yaml').map((path) => [relative(root, path), path]))(
    'loads: %s',
    async (_, path) => {
      const text = readFileSync(path, 'utf8')
      if (/openapi: 3/.test(text)) return
      expect(await problemsOf(text)).toBe('')
    },
  )
})

describe('what is generated', () => {
  it('equals what the generator writes', () => {
    expect(() =>
      execFileSync(process.execPath, [join(root, 'scripts/docs.mjs'), '--check'], { stdio: 'pipe' }),
    ).not.toThrow()
  }, 30_000)
})
