import { LineCounter, parseDocument } from 'yaml'

export type Members = Readonly<Record<string, unknown>>

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Where a document cannot be used, and why, as the end of a sentence. */
export interface Unusable {
  /** `3:14`, or the name of a field. */
  readonly at: string
  readonly why: string
}

/** An OpenAPI 3 document, in YAML or JSON, with its paths. */
export function parseOpenApi(
  text: string,
): { readonly document: Members; readonly paths: Members } | Unusable {
  const lines = new LineCounter()
  try {
    const parsed = parseDocument(text, { version: '1.2', prettyErrors: false, lineCounter: lines })
    const [error] = parsed.errors
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0])
      return { at: `${line}:${col}`, why: `this is neither YAML nor JSON (${error.code})` }
    }
    const document: unknown = parsed.toJS({ maxAliasCount: 100 })
    if (!isMembers(document)) return { at: '1:1', why: 'this is no map' }
    const { openapi, paths } = document
    if (typeof openapi !== 'string' || !openapi.startsWith('3.'))
      return { at: 'openapi', why: 'it does not say openapi: 3.x' }
    return isMembers(paths) ? { document, paths } : { at: 'paths', why: 'there is no map of paths' }
  } catch {
    return { at: '1:1', why: 'it is nested too deeply, or repeats itself too often' }
  }
}
