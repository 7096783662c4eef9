import { SallyportError } from '../model/index.ts'
import type { Body } from './body.ts'
import { formReader, namesOverride } from './form-reader.ts'

/** Whether a query asks for another method. It begins with `?` or is empty. */
export function queryOverrides(query: string): boolean {
  if (query === '' || !/method|%/i.test(query)) return false
  return query
    .slice(1)
    .split(/[&;]/)
    .some((field) => namesOverride(field.split('=', 1)[0] ?? ''))
}

/** The body, unless it is a form that asks for another method; one that streams is read as it passes. */
export function withoutOverride(head: readonly string[], body: Body): Body {
  const form = body.kind === 'none' ? undefined : formReader(head)
  if (form === undefined || body.kind === 'none') return body
  if (body.kind === 'stream') return { ...body, form }
  if (form.overrides(body.bytes)) throw new SallyportError('method_override_refused')
  return body
}
