import type { Anchors } from '../storage/index.ts'

/** A head of a chain kept outside of its files. */
export type Anchor = Awaited<ReturnType<Anchors['list']>>[number]
