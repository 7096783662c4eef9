import type { Answer } from './answer.ts'

/** How many messages wait for a client's next stream, and how long they may be together, in bytes. */
const most = { messages: 64, bytes: 262_144 } as const

/** What a child says before its client listens: a server may ask for the client's roots at once after it was initialized. */
export class Unheard {
  #messages: object[] = []
  #bytes = 0

  /** Says whether there was room. */
  keep(message: object): boolean {
    const bytes = this.#bytes + Buffer.byteLength(JSON.stringify(message))
    if (this.#messages.length >= most.messages || bytes > most.bytes) return false
    this.#messages.push(message)
    this.#bytes = bytes
    return true
  }

  tellAll(answer: Answer): void {
    while (answer.waits) {
      const message = this.#messages.shift()
      if (message === undefined) break
      answer.event(message)
    }
    if (this.#messages.length === 0) this.#bytes = 0
  }
}
