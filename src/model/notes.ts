/** What was worked out of an object, kept with that object. */
interface Notes<Owner extends object, Note> {
  get(owner: Owner): Note | undefined
  set(owner: Owner, note: Note): void
}

/** A constructor that returns what it is given: a class on top of it puts its private fields there. */
const Given = function (owner: object): object {
  return owner
} as unknown as new (
  owner: object,
) => object

/**
 * Keeps a note on each object, as a private field: it is not copied with the object, not written out, and nothing else
 * can reach it. A `WeakMap` says the same, but all that it holds lives until the next full collection, which is too
 * long where the owners come by the request; a note ends with its owner.
 */
export function createNotes<Owner extends object, Note>(): Notes<Owner, Note> {
  class Noted extends Given {
    #note: Note

    constructor(owner: Owner, note: Note) {
      super(owner)
      this.#note = note
    }

    static get(owner: object): Note | undefined {
      return #note in owner ? owner.#note : undefined
    }

    static set(owner: Owner, note: Note): void {
      if (#note in owner) owner.#note = note
      else new Noted(owner, note)
    }
  }
  return { get: (owner) => Noted.get(owner), set: (owner, note) => Noted.set(owner, note) }
}
