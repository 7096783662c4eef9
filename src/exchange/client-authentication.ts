import { Buffer } from 'node:buffer'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { importPKCS8 } from 'jose'
import {
  type ClientAuth,
  ClientSecretPost,
  modifyAssertion,
  None,
  PrivateKeyJwt,
  type ServerMetadata,
} from 'openid-client'
import { type OAuthClient, SallyportError } from '../model/index.ts'
import type { Registration } from './registration.ts'

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

function algorithmOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  return curves[key.asymmetricKeyDetails?.namedCurve ?? '']
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new SallyportError('exchange_misconfigured', { field: 'client.key' }, error)
  }
}

async function privateKeyJwt(pem: string): Promise<ClientAuth> {
  const key = readKey(pem)
  const algorithm = algorithmOf(key)
  if (algorithm === undefined) throw new SallyportError('exchange_misconfigured', { field: 'client.key' })
  const pkcs8 = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  return PrivateKeyJwt(await importPKCS8(pkcs8, algorithm), {
    // The library names the issuer as the one audience (draft-ietf-oauth-rfc7523bis §4). EdDSA goes by its older
    // name, which every server knows.
    [modifyAssertion]: (header) => {
      if (algorithm === 'EdDSA') header['alg'] = 'EdDSA'
    },
  })
}

/** How a client secret is shown. */
export type ClientMethod = 'basic' | 'post'

/**
 * In the header, unless a server to which people link their accounts says that it reads secrets in the body alone.
 * What servers say of exchanges has been tried with the header, and stays as it is.
 */
export function methodAt({ linked }: Registration, metadata: ServerMetadata): ClientMethod {
  if (linked === undefined) return 'basic'
  if (linked.provider !== undefined) return linked.provider.authentication
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  return !methods.includes('client_secret_basic') && methods.includes('client_secret_post') ? 'post' : 'basic'
}

/** As a form encodes it (RFC 6749 §2.3.1, Appendix B): what a form lets stand is let stand, since many servers do not decode it. */
const encoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)

/** The library encodes `-`, `.` and `_` besides, of which client ids are full. */
function clientSecretBasic(secret: string): ClientAuth {
  return (_server, client, _body, headers) => {
    const pair = `${encoded(client.client_id)}:${encoded(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`)
  }
}

/** How a client of ours authenticates: by its private key if it has one, else by its secret. */
export async function clientAuthentication(
  client: OAuthClient,
  method: ClientMethod = 'basic',
): Promise<ClientAuth> {
  if (client.key !== undefined) return privateKeyJwt(client.key.reveal())
  if (client.secret === undefined) return None()
  const secret = client.secret.reveal()
  return method === 'post' ? ClientSecretPost(secret) : clientSecretBasic(secret)
}
