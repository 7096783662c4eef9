import type { Sources } from './references.ts'
import type { Report } from './report.ts'
import type { SecretReader } from './secrets.ts'

export type Form = 'single' | 'dev'

/** A program that is to be run as one of the servers (`sallyport run`), as the command line names it. */
export interface RunCommand {
  /** The only server there is, where it is left out. */
  readonly server?: string
  readonly command: readonly string[]
  /** Variables that it gets besides the usual ones. */
  readonly env: readonly string[]
}

export interface Expanding {
  readonly form: Form
  /** The configuration file's folder: relative paths begin here. */
  readonly folder: string
  readonly report: Report
  readonly sources: Sources
  /** A program to be run as one of the servers. */
  readonly run?: RunCommand
}

/** What reading the references takes besides. */
export interface Resolving extends Expanding {
  readonly read: SecretReader
  /** For the throwaway key of dev. */
  readonly random: (bytes: number) => Uint8Array
}

/** Members that are undefined are left out, so they may be absent and never undefined. */
type Present<T> = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>
}

/** The members without those that are undefined. */
export function present<T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
