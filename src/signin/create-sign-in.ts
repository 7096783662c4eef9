import type { FastifyInstance } from 'fastify'
import { metadataPaths, openIdMetadata, serverMetadata } from './metadata.ts'
import { openToPages } from './open-to-pages.ts'
import type { SignInDeps, SignInDoor, SignInSlice } from './slice.ts'

/** The authorization server, put together. Nothing is fetched before somebody comes. */
export function createSignIn(slice: SignInSlice, { tokens }: SignInDeps): SignInDoor {
  return {
    mount: async (app) => {
      if (slice.mode !== 'broker') return
      await openToPages(app, (open) => {
        mountMetadata(open, slice)
        tokens.mount(open)
      })
    },
  }
}

function mountMetadata(app: FastifyInstance, slice: SignInSlice): void {
  const paths = metadataPaths(slice.url)
  const publish = (at: readonly string[], document: object) => {
    for (const path of at)
      app.get(path, async (_request, reply) =>
        reply
          .header('cache-control', 'public, max-age=300')
          .type('application/json')
          .send(JSON.stringify(document)),
      )
  }
  publish(paths.oauth, serverMetadata(slice))
  publish(paths.oidc, openIdMetadata(slice))
}
