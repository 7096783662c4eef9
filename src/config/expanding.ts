import type { Sources } from './references.ts'
import type { Report } from './report.ts'

export type Form = 'single' | 'dev'

export interface Expanding {
  readonly form: Form
  /** The configuration file's folder: relative paths begin here. */
  readonly folder: string
  readonly report: Report
  readonly sources: Sources
}

/** Members that are undefined are left out, so they may be absent and never undefined. */
type Present<T> = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>
}

/** The members without those that are undefined. */
export function present<T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
