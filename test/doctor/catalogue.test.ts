/** Every finding is shown by a test, and leads to a page that is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { catalogue } from '../../src/console/doctor/catalogue.ts'
import { finding, type FindingCode } from '../../src/console/doctor/finding.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** As GitHub makes them. */
function anchorsOf(path: string): readonly string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each([...new Set(Object.values(catalogue).map(({ page }) => page))])('docs/%s is there', (page) => {
  const [file = '', anchor] = page.split('#')
  const path = join(root, 'docs', file)
  expect(existsSync(path)).toBe(true)
  if (anchor !== undefined) expect(anchorsOf(path)).toContain(anchor)
})

test('every finding is named in a test', () => {
  const tests = ['test/doctor', 'test/real'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => folder === 'test/doctor' || name.startsWith('doctor-'))
      .filter((name) => name !== 'catalogue.test.ts')
      .map((name) => readFileSync(join(root, folder, name), 'utf8')),
  )
  const unnamed = Object.keys(catalogue).filter((code) => !tests.some((text) => text.includes(`'${code}'`)))
  expect(unnamed).toEqual([])
})

test('whatever a finding says that is wrong names a setting, and what is filled in cannot break out', () => {
  for (const [code, row] of Object.entries(catalogue)) {
    if (row.verdict === 'wrong' || row.verdict === 'untried')
      expect([code, row]).toEqual([code, expect.objectContaining({ setting: expect.any(String) })])
  }
  const filled = finding('client_taken' satisfies FindingCode, {
    field: 'login.client',
    client: 'a\u001b[31m\nb',
  })
  expect(filled.says).toBe('login.client: the IdP takes a�[31m�b and its secret or key.')
})
