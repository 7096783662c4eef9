import type { Durability } from '../model/index.ts'

/**
 * Proof that a record was written with the durability it names. The constructor is private to the room: other
 * rooms know the type only, so nothing unrecorded can be sent without a cast, which lint bans.
 */
export class Recorded {
  readonly chain: string
  readonly n: number
  readonly durability: Durability
  readonly startedAt: number

  private constructor(chain: string, n: number, durability: Durability, startedAt: number) {
    this.chain = chain
    this.n = n
    this.durability = durability
    this.startedAt = startedAt
  }

  /** For the writer of this room only; not exported from its face. */
  static written(chain: string, n: number, durability: Durability, startedAt: number): Recorded {
    return new Recorded(chain, n, durability, startedAt)
  }
}
