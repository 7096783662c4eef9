import { SallyportError } from '../model/index.ts'
import { Gathered } from './gathered.ts'
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
  /** The longest message, in bytes. */
  readonly maxBytes: number
}

/** No more of an answer to a call than this, however it comes. */
export function atMost(maxBytes: number, view: AnswerView): AnswerView {
  let size = 0
  return {
    push: (bytes) => {
      size += bytes.length
      if (size > maxBytes) throw new SallyportError('call_result_too_large')
      return view.push(bytes)
    },
    end: () => view.end(),
  }
}

/** Bytes as they come. */
export const asItComes: AnswerView = { push: (bytes) => bytes, end: () => undefined }

/**
 * An event stream: any of its events may be the answer to another request, since a client may resume a stream. Events that
 * are nothing to judge are passed on as the bytes they were.
 */
export function eventView(terms: MessageTerms): AnswerView {
  const splitter = new EventSplitter(terms.maxBytes)
  let first = true
  const pass = (arrived: Buffer): Buffer => {
    // Readers drop a mark at the start of a stream (HTML Standard §9.2.5), and then read the line behind it.
    const bytes = first && arrived.subarray(0, 3).equals(mark) ? arrived.subarray(3) : arrived
    first = false
    if (!terms.mayConcern(bytes)) return bytes
    const came = bytes.toString('utf8')
    const event = inPlainLines(came)
    const judged = judgedText(dataOf(event) ?? '', terms)
    if (judged !== undefined) return Buffer.from(inPlainLines(withData(event, judged)))
    return event === came ? bytes : Buffer.from(event)
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

/**
 * One message, judged whole: a client knows by its id what it answers, so the answer to any request may be a list. Nobody
 * waits longer for it, since a part of a message is nothing to read.
 */
export function messageView(terms: MessageTerms): AnswerView {
  const body = new Gathered()
  return {
    push: (bytes) => {
      if (body.size + bytes.length > terms.maxBytes) throw new UnreadableAnswer('too long')
      body.add(bytes)
      return undefined
    },
    end: () => {
      const whole = body.take()
      // Some clients guess UTF-16 and UTF-32 by their zeros, or read over a mark.
      if (whole.length > 0 && (whole.includes(0) || !/^[ \t\r\n]*\{/.test(whole.toString('latin1', 0, 64))))
        throw new UnreadableAnswer('no JSON object')
      const judged = terms.mayConcern(whole) ? judgedText(whole.toString('utf8'), terms) : undefined
      return judged === undefined ? whole : Buffer.from(judged)
    },
  }
}

/**
 * Some readers end lines at everything that Unicode calls an end (httpx-sse before 0.4.1), and would read what stands behind as
 * a field. In JSON these stand in strings only, where an escape is the same.
 */
function inPlainLines(event: string): string {
  return event.replaceAll(/[\v\f\x1c-\x1e\x85\u2028\u2029]/g, (end) => {
    const code = end.charCodeAt(0).toString(16)
    return `\\u${code.padStart(4, '0')}`
  })
}

/** An answer that others may read in another way than we do; nothing of it is shown. */
class UnreadableAnswer extends Error {
  constructor(why: string) {
    super(`the answer cannot be judged: ${why}`)
    this.name = 'UnreadableAnswer'
  }
}

const mark = Buffer.from('\ufeff')

/** The message as it goes on, where it is another one. @throws UnreadableAnswer */
function judgedText(text: string, { judge }: MessageTerms): string | undefined {
  // An event may have no data, only a comment or an id.
  if (text.trim() === '') return undefined
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    // Some clients read what is not quite JSON (`NaN`).
    throw new UnreadableAnswer('no JSON')
  }
  // The revisions that are served have no batches, but clients that read them are still about.
  if (Array.isArray(message)) throw new UnreadableAnswer('a batch')
  const judged = judge(message)
  return judged === undefined ? undefined : JSON.stringify(judged)
}
