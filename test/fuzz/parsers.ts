import type { Parser } from './parser.ts'
import { bearer } from './parsers/bearer.ts'
import { claims } from './parsers/claims.ts'
import { form } from './parsers/form.ts'
import { openHead } from './parsers/head.ts'
import { path } from './parsers/path.ts'
import { token } from './parsers/token.ts'

/** The parsers of what comes from callers, each with what has to hold of it. */
export const parsers: Readonly<Record<string, () => Parser>> = {
  path: () => path,
  head: openHead,
  token: () => token,
  claims: () => claims,
  bearer: () => bearer,
  form: () => form,
}
