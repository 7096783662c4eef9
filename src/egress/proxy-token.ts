import { SallyportError } from '../model/index.ts'
import { afterSpaces, readBearer } from './receive.ts'

/**
 * The token of a caller that takes us for its proxy: `Bearer`, or `Basic` with the token as the password, or as the
 * user where there is no password, since proxy URLs (`http://any:token@host`) know nothing else. It stands there and
 * nowhere else: `authorization` is not read for it, and refused where it holds a token beside the proxy's.
 * @throws token_missing, token_malformed, token_ambiguous
 */
export function readProxyToken(raw: readonly string[], authorization: string | undefined): string {
  let given: string | undefined
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() !== 'proxy-authorization') continue
    if (given !== undefined) throw new SallyportError('token_ambiguous')
    given = raw[index + 1] ?? ''
  }
  const token = given !== undefined && /^basic(?:$| )/i.test(given) ? readBasic(given) : readBearer(given)
  if (authorization !== undefined && (authorization.includes(token) || looksLikeToken.test(authorization)))
    throw new SallyportError('token_ambiguous')
  return token
}

/** A bearer of the form that our tokens have. Which of two such is meant is not guessed. */
const looksLikeToken = /^bearer +eyJ[\w-]*\.[\w-]+\.[\w-]*$/i

/** RFC 7617 §2; neither part holds a colon where it is a token. */
function readBasic(given: string): string {
  const encoded = afterSpaces(given, 'basic'.length)
  if (encoded === '') throw new SallyportError('token_missing')
  const decoded = Buffer.from(encoded, 'base64')
  if (decoded.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, ''))
    throw new SallyportError('token_malformed')
  const text = decoded.toString('latin1')
  const colon = text.indexOf(':')
  if (colon === -1) throw new SallyportError('token_malformed')
  const user = text.slice(0, colon)
  const password = text.slice(colon + 1)
  if (password !== '' && user.includes(password)) throw new SallyportError('token_ambiguous')
  return readBearer(`Bearer ${password === '' ? user : password}`)
}
