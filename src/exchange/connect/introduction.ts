/** What sallyport introduces itself by where it was not registered by hand. */
export interface Introduction {
  /** Where sallyport is reached by people. */
  readonly url: string
  /** Registrations that servers gave, sealed: they hold a secret. */
  readonly given: {
    read(name: string): Promise<string | undefined>
    write(name: string, text: string): Promise<void>
  }
  /**
   * Let the fetch reach an origin that somebody names; public addresses only, unless both are on this machine.
   * @throws address_refused
   */
  readonly allowOrigin: (url: string, namedBy: string) => void
}

/** Where providers send people back to. */
export const callbackOf = (url: string): string => `${url}/connect/callback`

/** Where our own metadata document lies (draft-ietf-oauth-client-id-metadata-document): its URL is the client id. */
export const clientDocumentPath = '/client-metadata.json'

export function clientDocument(url: string): Readonly<Record<string, unknown>> {
  return {
    client_id: url + clientDocumentPath,
    ...clientMetadata(url),
    token_endpoint_auth_method: 'none',
  }
}

export const clientMetadata = (url: string) => ({
  client_name: 'sallyport',
  client_uri: url,
  redirect_uris: [callbackOf(url)],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
})
