import type { Row } from '../bench.ts'
import { large, uploads } from './bodies.ts'
import { c1, c256, c32 } from './closed-loop.ts'
import { gateway } from './gateway.ts'
import { memory } from './memory.ts'
import { mint } from './mint.ts'
import { open } from './open-loop.ts'
import { refreshStorm } from './refresh-storm.ts'
import { start } from './start.ts'
import { freshTokens, junkTokens } from './tokens.ts'

/** In the order in which they are measured and printed. */
export const rows: readonly Row[] = [
  c32,
  c1,
  c256,
  open,
  freshTokens,
  junkTokens,
  uploads,
  large,
  memory,
  start,
  mint,
  refreshStorm,
  ...gateway,
]
