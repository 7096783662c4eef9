import type { Access, Downstream, Seq, Server } from '../model/index.ts'

/** For whom, where and as of which log position a credential is needed. */
export interface Need {
  readonly access: Access
  readonly server: Server
  readonly downstream: Downstream
  /** `Gate.applied` when the decision was made; the credential carries it. */
  readonly rev: Seq
}
