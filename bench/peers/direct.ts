import { callerHeaders, type Peer } from './peer.ts'

/** No proxy at all: what the generator and the upstream cost by themselves. */
export const direct: Peer = {
  name: 'direct',
  injects: undefined,
  verifies: false,
  start: async ({ upstream, tokens }) => ({
    pid: undefined,
    aim: (path, token = tokens.good) => ({
      origin: upstream,
      path,
      headers: { ...callerHeaders, Authorization: `Bearer ${token}` },
    }),
    stop: async () => undefined,
    log: () => '',
  }),
}
