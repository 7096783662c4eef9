import type { Row } from '../bench.ts'
import type { Peer } from '../peers/peer.ts'
import { c1, c256, c32 } from './closed-loop.ts'

/** In the order in which they are measured and printed. */
export const rows: readonly Row<Peer>[] = [c32, c1, c256]
