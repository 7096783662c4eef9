import type { Principal, RecordEvent } from '../../src/model/index.ts'
import type { Anchors } from '../../src/storage/index.ts'

export type Anchor = Awaited<ReturnType<Anchors['list']>>[number]

export const alice: Principal = {
  kind: 'user',
  tenant: 'acme',
  issuer: 'https://idp.example',
  subject: 'alice',
}

export function intent(request: string, more: Partial<RecordEvent> = {}): RecordEvent {
  return {
    kind: 'intent',
    request,
    who: { principal: alice, client: 'https://client.example', server: 'crm', sid: 's-1' },
    downstream: 'orders',
    operation: 'GET /orders/{id}',
    method: 'GET',
    path: `/orders/${request}`,
    class: 'read',
    decision: 'allow',
    reason: 'allowed',
    ...more,
  }
}

export function outcome(request: string): RecordEvent {
  return {
    kind: 'outcome',
    request,
    who: { principal: alice },
    downstream: 'orders',
    status: 200,
    result: 'done',
  }
}
