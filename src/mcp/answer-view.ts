import type { Era } from './era.ts'
import { dataOf, EventSplitter, withData } from './sse.ts'
import { withVisibleTools } from './tool-list.ts'

/** How the body of an answer is passed on: piece by piece, and what is left at its end. */
export interface AnswerView {
  push(bytes: Buffer): Buffer | undefined
  end(): Buffer | undefined
}

export interface ListTerms {
  readonly era: Era
  readonly visible: (tool: string) => boolean
  /** The longest event of a stream, and the longest list, in bytes. */
  readonly maxBytes: number
}

/** Bytes as they come. */
export const asItComes: AnswerView = { push: (bytes) => bytes, end: () => undefined }

/**
 * An event stream: any of its events may be the answer to a `tools/list`, since a client may resume a stream on another
 * request. Events that are not are passed on as the bytes they were.
 */
export function eventView({ era, visible, maxBytes }: ListTerms): AnswerView {
  const splitter = new EventSplitter(maxBytes)
  const judge = (bytes: Buffer): Buffer => {
    if (!bytes.includes('tools')) return bytes
    const event = bytes.toString('utf8')
    const message = parsed(dataOf(event) ?? '')
    const shown = message === undefined ? undefined : withVisibleTools(message, era, visible)
    return shown === undefined ? bytes : Buffer.from(withData(event, JSON.stringify(shown)))
  }
  return {
    push: (bytes) => {
      const out: Buffer[] = []
      splitter.push(bytes, (event) => out.push(judge(event)))
      return out.length === 0 ? undefined : Buffer.concat(out)
    },
    // An event without its end is none; whatever stands there is not told (it could be a list cut short).
    end: () => undefined,
  }
}

/** The answer to a `tools/list` in one piece. */
export function listView({ era, visible, maxBytes }: ListTerms): AnswerView {
  const pieces: Buffer[] = []
  let size = 0
  return {
    push: (bytes) => {
      size += bytes.length
      if (size > maxBytes) throw new RangeError('the list is too long')
      pieces.push(bytes)
      return undefined
    },
    end: () => {
      const whole = Buffer.concat(pieces)
      const message = parsed(whole.toString('utf8'))
      const shown = message === undefined ? undefined : withVisibleTools(message, era, visible)
      return shown === undefined ? whole : Buffer.from(JSON.stringify(shown))
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
