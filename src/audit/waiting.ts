import { SallyportError } from '../model/index.ts'

/** Told the number of a line once the kernel has it, or why there is none. */
export type Handed = (result: number | SallyportError) => void

/** Told once the disk has a line, or why it never will. */
interface Waiter {
  readonly resolve: (n: number) => void
  readonly reject: (error: unknown) => void
}

/** What the writer of a line waits for, if anything. */
export interface Asker {
  readonly waiter?: Waiter
  readonly handed?: Handed
}

/** Who waits for lines of a chain, and for what: that the kernel has them, or the disk. */
export class Waiting {
  #forDisk: { readonly n: number; readonly waiter: Waiter }[] = []
  /** Lines that are with the kernel, whose writers are told when this turn's write is over. */
  #untold: { readonly n: number; readonly handed: Handed }[] = []

  get forDisk(): boolean {
    return this.#forDisk.length > 0
  }

  /** Line `n` is with the kernel. */
  written(n: number, { waiter, handed }: Asker): void {
    if (handed !== undefined) this.#untold.push({ n, handed })
    if (waiter !== undefined) this.#forDisk.push({ n, waiter })
  }

  tellHanded(): void {
    if (this.#untold.length === 0) return
    const untold = this.#untold
    this.#untold = []
    for (const { n, handed } of untold) handed(n)
  }

  /** The disk has every line up to `upTo`. */
  onDisk(upTo: number): void {
    const waiters = this.#forDisk
    this.#forDisk = waiters.filter(({ n }) => n > upTo)
    for (const { n, waiter } of waiters) if (n <= upTo) waiter.resolve(n)
  }

  /** Nothing can be written: whoever waits for the disk is told, and those whose lines were not written yet. */
  refuse(unwritten: readonly Asker[]): void {
    const refused = this.#forDisk.map(({ waiter }) => waiter)
    this.#forDisk = []
    for (const { waiter } of unwritten) if (waiter !== undefined) refused.push(waiter)
    for (const waiter of refused) waiter.reject(new SallyportError('record_unavailable'))
    for (const { handed } of unwritten) handed?.(new SallyportError('record_unavailable'))
  }
}
