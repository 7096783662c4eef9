import { dataOf, EventSplitter, withData } from './sse.ts'

/** How the body of an answer is passed on: piece by piece, and what is left at its end. */
export interface AnswerView {
  push(bytes: Buffer): Buffer | undefined
  end(): Buffer | undefined
}

/** What becomes of each message of an answer. */
export interface MessageTerms {
  /** Whether a text may hold something to be judged; what does not is passed on unread. */
  readonly mayConcern: (bytes: Buffer) => boolean
  /** The message as it goes on, where it is another one. */
  readonly judge: (message: unknown) => object | undefined
  /** The longest event of a stream, and the longest answer that is judged whole, in bytes. */
  readonly maxBytes: number
}

/** Bytes as they come. */
export const asItComes: AnswerView = { push: (bytes) => bytes, end: () => undefined }

/**
 * An event stream: any of its events may be the answer to another request, since a client may resume a stream. Events that
 * are nothing to judge are passed on as the bytes they were.
 */
export function eventView({ mayConcern, judge, maxBytes }: MessageTerms): AnswerView {
  const splitter = new EventSplitter(maxBytes)
  const pass = (bytes: Buffer): Buffer => {
    if (!mayConcern(bytes)) return bytes
    const event = bytes.toString('utf8')
    const judged = judge(parsed(dataOf(event) ?? ''))
    return judged === undefined ? bytes : Buffer.from(withData(event, JSON.stringify(judged)))
  }
  return {
    push: (bytes) => {
      const out: Buffer[] = []
      splitter.push(bytes, (event) => out.push(pass(event)))
      return out.length === 0 ? undefined : Buffer.concat(out)
    },
    // An event without its end is none; whatever stands there is not told (it could be a list cut short).
    end: () => undefined,
  }
}

/** An answer that is judged in one piece. */
export function wholeView({ judge, maxBytes }: MessageTerms): AnswerView {
  const pieces: Buffer[] = []
  let size = 0
  return {
    push: (bytes) => {
      size += bytes.length
      if (size > maxBytes) throw new RangeError('the answer is too long')
      pieces.push(bytes)
      return undefined
    },
    end: () => {
      const whole = Buffer.concat(pieces)
      const judged = judge(parsed(whole.toString('utf8')))
      return judged === undefined ? whole : Buffer.from(JSON.stringify(judged))
    },
  }
}

/** Longer answers are not about a task. */
const longestNote = 65_536

/** An answer that is only looked at, once it has passed. */
export function notedView(note: (message: unknown) => void): AnswerView {
  let pieces: Buffer[] | undefined = []
  let size = 0
  return {
    push: (bytes) => {
      size += bytes.length
      if (size > longestNote) pieces = undefined
      pieces?.push(bytes)
      return bytes
    },
    end: () => {
      if (pieces !== undefined) note(parsed(Buffer.concat(pieces).toString('utf8')))
      return undefined
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
