import type { FastifyInstance } from 'fastify'
import type { Server } from '../model/index.ts'
import type { Tokens } from './shapes.ts'

export interface SignInSlice {
  /** The issuer. */
  readonly url: string
  /** Whether MCP clients sign in here, or people alone. */
  readonly mode: 'broker' | 'direct'
  readonly servers: readonly Server[]
  readonly registration: 'off' | 'known' | 'open'
}

export interface SignInDeps {
  readonly tokens: Tokens
}

/** The room, opened. */
export interface SignInDoor {
  mount(app: FastifyInstance): Promise<void>
}
