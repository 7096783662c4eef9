import type { Access, EpochSeconds, Seq } from '../../src/model/index.ts'

/** What a verified session token of the usual size grants. */
export function accessFixture(now: EpochSeconds): Access {
  const rev = 7 as Seq
  return {
    session: {
      sid: 'ses_4m1xq0c2v8e7h6b5n3k9',
      principal: {
        kind: 'user',
        tenant: 'acme',
        issuer: 'https://idp.example/realms/acme',
        subject: 'f2d0a5b4-9a0e-4e6b-9c2f-5f0f3a1f7b11',
      },
      client: 'orders-agent',
      server: 'orders-mcp',
      authTime: now,
      authTimeFrom: 'auth_time',
      groups: ['crm-users'],
      groupsComplete: true,
      rev,
    },
    actor: undefined,
    audiences: ['https://mcp.example/mcp', 'https://orders.example'],
    scopes: ['orders.read'],
    jti: 'kX1rYl0sQ2m5o7dVb3nT8A',
    expiresAt: (now + 900) as EpochSeconds,
    rev,
  }
}
