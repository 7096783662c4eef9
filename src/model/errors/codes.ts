import type { errorTable } from './table.ts'

/** Stable: once published a code keeps its meaning. Every failure and every denial has one. */
export type ErrorCode = keyof typeof errorTable
/** The reason of a decision; the same words as errors, so that `explain` and the wire agree. */
export type ReasonCode = ErrorCode
