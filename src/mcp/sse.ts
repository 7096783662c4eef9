import { Gathered } from './gathered.ts'

/** A longer event is not one of MCP's: the stream ends. */
class EventTooLarge extends Error {
  constructor() {
    super('an event is too large')
    this.name = 'EventTooLarge'
  }
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts an event stream (HTML Standard §9.2.5) into its events, each with the blank line that ends it, as the bytes they came
 * as. Nothing waits but an event that is not complete. @throws EventTooLarge
 */
export class EventSplitter {
  readonly #maxBytes: number
  readonly #held = new Gathered()
  /** Whether the line under way has a character yet, and whether it began after a CR whose LF may follow. */
  #empty = true
  #afterReturn = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer, event: (bytes: Buffer) => void): void {
    let begun = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      const pair = byte === lineFeed && this.#afterReturn
      this.#afterReturn = byte === carriageReturn
      if (byte !== lineFeed && byte !== carriageReturn) this.#empty = false
      // The LF of a CR LF ends no other line.
      else if (!pair && this.#empty) {
        const paired = byte === carriageReturn && chunk[at + 1] === lineFeed
        if (paired) {
          at += 1
          this.#afterReturn = false
        }
        this.#emit(chunk.subarray(begun, at + 1), event)
        begun = at + 1
      } else this.#empty = true
    }
    this.#hold(chunk.subarray(begun))
  }

  /** What is left at the end: an event without its blank line, which readers drop. */
  rest(): Buffer {
    return this.#held.take()
  }

  #emit(last: Buffer, event: (bytes: Buffer) => void): void {
    this.#hold(last)
    event(this.#held.take())
  }

  #hold(piece: Buffer): void {
    if (this.#held.size + piece.length > this.#maxBytes) throw new EventTooLarge()
    this.#held.add(piece)
  }
}

/** The `data` of an event, its lines joined by line feeds; undefined where it has none. */
export function dataOf(event: string): string | undefined {
  const lines = event.split(/\r\n|\r|\n/).filter((line) => line === 'data' || line.startsWith('data:'))
  if (lines.length === 0) return undefined
  return lines.map((line) => line.slice(5).replace(/^ /, '')).join('\n')
}

/** The same event with other data, which is one line. Its other fields stay as they are. */
export function withData(event: string, data: string): string {
  const others = event
    .split(/\r\n|\r|\n/)
    .filter((line) => line !== '' && line !== 'data' && !line.startsWith('data:'))
  return `${[...others, `data: ${data}`].join('\n')}\n\n`
}
