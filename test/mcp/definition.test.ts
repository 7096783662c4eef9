import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDefinitionReader, readDefinition } from '../../src/mcp/tools/definition.ts'
import { epoch } from '../../src/model/index.ts'

const members = ['title', 'description', 'inputSchema', 'outputSchema', 'annotations', 'execution'] as const
const value = fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 3 })
const listed = fc
  .tuple(fc.string({ minLength: 1 }), fc.dictionary(fc.constantFrom(...members), value))
  .map(([name, rest]) => ({ ...rest, name }))

const digest = (tool: Parameters<typeof readDefinition>[0]) => readDefinition(tool, epoch(1)).digest

/** The same members in the other order, at every depth. */
function turned(it: unknown): unknown {
  if (Array.isArray(it)) return it.map(turned)
  if (typeof it !== 'object' || it === null) return it
  return Object.fromEntries(
    Object.entries(it)
      .reverse()
      .map(([key, inner]) => [key, turned(inner)]),
  )
}

describe('the digest of a definition', () => {
  it('does not look at the order of members, nor at what no model goes by', () => {
    fc.assert(
      fc.property(listed, value, (tool, other) => {
        expect(digest(turned(tool) as typeof tool)).toBe(digest(tool))
        expect(digest({ ...tool, icons: other, _meta: other })).toBe(digest(tool))
      }),
    )
  })

  it('is another one with any other change: a member that is new, gone or different, and the name', () => {
    fc.assert(
      fc.property(listed, fc.constantFrom(...members, 'name' as const), value, (tool, member, other) => {
        const before = (tool as Record<string, unknown>)[member]
        fc.pre(member in tool ? JSON.stringify(before) !== JSON.stringify(other) : true)
        fc.pre(
          JSON.stringify(turned(before)) !== JSON.stringify(other) &&
            !(Object.is(before, -0) || Object.is(other, -0)),
        )
        expect(digest({ ...tool, [member]: other })).not.toBe(digest(tool))
        const { [member]: _, ...without } = tool as Record<string, unknown>
        if (member in tool && member !== 'name') expect(digest(without as typeof tool)).not.toBe(digest(tool))
      }),
    )
  })

  it('is the same when it is remembered, with the time of this time', () => {
    const read = createDefinitionReader()
    fc.assert(
      fc.property(listed, fc.nat(), (tool, at) => {
        expect(read(tool, epoch(at))).toEqual(readDefinition(tool, epoch(at)))
        expect(read(structuredClone(tool), epoch(at + 1))).toEqual(readDefinition(tool, epoch(at + 1)))
      }),
    )
  })

  it('is one that can be computed elsewhere: SHA-256 over the canonical JSON of RFC 8785', () => {
    const tool = {
      name: 'add',
      inputSchema: { type: 'object', properties: { b: {}, a: {} } },
      description: 'Adds.',
    }
    // printf '{"description":"Adds.","inputSchema":{"properties":{"a":{},"b":{}},"type":"object"},"name":"add"}' | sha256sum
    expect(digest(tool)).toBe('sha256:250e7671e2c7566ceb75f3097139dad831f70eecfcc0749c11c92b388292de58')
  })

  it('of what has no canonical form stands beside a fault', () => {
    expect(readDefinition({ name: 'x', description: 'half a pair: \ud800' }, epoch(1)).fault).toBe(
      'unreadable',
    )
  })

  it('of what is nested without end is told all the same, and nobody may use the tool', () => {
    let deep: unknown = {}
    for (let depth = 0; depth < 100_000; depth += 1) deep = { not: deep }
    expect(readDefinition({ name: 'x', inputSchema: deep }, epoch(1)).fault).toBe('x-mcp-header')
  })

  it('comes with words of a bounded length', () => {
    const { title, description, text } = readDefinition(
      { name: 'x', title: 't'.repeat(9_999), description: 'd'.repeat(99_999) },
      epoch(1),
    )
    expect([title?.length, description?.length, text?.length]).toEqual([201, 4_001, 16_385])
  })
})
