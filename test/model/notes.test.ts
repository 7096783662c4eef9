import { describe, expect, it } from 'vitest'
import { createNotes } from '../../src/model/index.ts'

describe('notes', () => {
  it('are kept with the object, the last one of each kind', () => {
    const [sizes, names] = [createNotes<object, number>(), createNotes<object, string>()]
    const [one, other] = [{ a: 1 }, { a: 1 }]
    expect(sizes.get(one)).toBeUndefined()
    sizes.set(one, 1)
    sizes.set(one, 2)
    names.set(one, 'one')
    expect([sizes.get(one), names.get(one)]).toEqual([2, 'one'])
    expect([sizes.get(other), names.get(other)]).toEqual([undefined, undefined])
  })

  it('are not copied with it, and show nowhere', () => {
    const notes = createNotes<object, string>()
    const owner = { a: 1 }
    notes.set(owner, 'a note')
    expect(notes.get({ ...owner })).toBeUndefined()
    expect(notes.get(structuredClone(owner))).toBeUndefined()
    expect(Reflect.ownKeys(owner)).toEqual(['a'])
    expect(JSON.stringify(owner)).toBe('{"a":1}')
  })
})
