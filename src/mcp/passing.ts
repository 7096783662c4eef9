import type { Access } from '../model/index.ts'
import type { Era } from './era.ts'
import type { Head } from './head.ts'
import type { Fronted } from './inside.ts'
import type { Message } from './message.ts'
import type { ToolCall } from './tool-call.ts'

/** A request that has passed all that is asked before it goes to the server. */
export interface Passing {
  readonly requestId: string
  readonly method: string
  readonly body: Buffer | null
  readonly head: Head
  readonly access: Access
  readonly fronted: Fronted
  readonly era: Era
  readonly message?: Message
  readonly call: ToolCall | undefined
}
