import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { admitted, audience, clock, openScene, refused, type Scene, startTrap } from './scene.ts'
import { byEd25519, byHmac, byRsa, forge } from './signed.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const attacker = {
  sign: byRsa(rsa.privateKey),
  jwk: { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'evil', alg: 'RS256', use: 'sig' },
}

const open = () => openScene({ idp: { algorithm: 'RS256' } })
const payload = ({ idp }: Scene) => ({
  iss: idp.issuer,
  sub: 'admin',
  aud: audience,
  client_id: 'mcp-client',
  iat: Math.floor(clock.now()),
  exp: Math.floor(clock.now()) + 300,
  jti: 'forged',
  scope: 'orders.read',
})
const header = (over: object = {}) => ({ alg: 'RS256', typ: 'at+jwt', kid: 'idp-1', ...over })
const pem = ({ idp }: Scene) => createPublicKey({ key: idp.publicKey, format: 'jwk' })
/** Nothing of a forged token got anywhere. */
const untouched = async (scene: Scene) => {
  expect(await scene.sessions()).toBe(0)
  expect(scene.downstream.connections).toBe(0)
}

describe('A02 alg confusion: the algorithm of the header', () => {
  it('none, in any spelling, is refused signed and unsigned', async () => {
    const scene = await open()
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const unsigned = forge(header({ alg }), payload(scene), () => Buffer.alloc(0))
      expect(await scene.doors(unsigned)).toBe(refused('token_malformed'))
      expect(await scene.doors(`${unsigned}AA`)).toBe(refused('token_algorithm_refused'))
      const signed = forge(header({ alg }), payload(scene), attacker.sign)
      expect(await scene.doors(signed)).toBe(refused('token_algorithm_refused'))
    }
    await untouched(scene)
  })

  it('missing or odd is refused', async () => {
    const scene = await open()
    for (const alg of [undefined, null, 5, ['RS256'], { toString: 'RS256' }]) {
      const token = forge(header({ alg }), payload(scene), attacker.sign)
      expect(await scene.doors(token)).toBe(refused('token_algorithm_refused'))
    }
    await untouched(scene)
  })

  it('HS256, keyed with the RSA public key of the provider in any form, is refused', async () => {
    const scene = await open()
    const keys = [
      pem(scene).export({ format: 'pem', type: 'spki' }),
      pem(scene).export({ format: 'pem', type: 'pkcs1' }),
      pem(scene).export({ format: 'der', type: 'spki' }),
      JSON.stringify(scene.idp.publicKey),
      Buffer.from(scene.idp.publicKey.n ?? '', 'base64url'),
      '',
    ]
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      for (const key of keys) {
        const token = forge(header({ alg }), payload(scene), byHmac(key))
        expect(await scene.doors(token)).toBe(refused('token_algorithm_refused'))
      }
    }
    await untouched(scene)
  })

  it('of a symmetric key among the published ones is refused', async () => {
    const scene = await open()
    const k = Buffer.from('guessable').toString('base64url')
    scene.idp.knobs.extraKeys = [{ kty: 'oct', kid: 'oct', k, alg: 'HS256' }]
    const token = forge(header({ alg: 'HS256', kid: 'oct' }), payload(scene), byHmac('guessable'))
    expect(await scene.doors(token)).toBe(refused('token_algorithm_refused'))
    const relabelled = forge(header({ kid: 'oct' }), payload(scene), byHmac('guessable'))
    expect(await scene.doors(relabelled)).toBe(refused('token_signature_invalid'))
    await untouched(scene)
  })

  it('of another family than the key, or one that is not allowed, is refused', async () => {
    const scene = await open()
    for (const alg of ['ES256', 'EdDSA', 'PS256']) {
      const token = forge(header({ alg }), payload(scene), attacker.sign)
      expect(await scene.doors(token)).toBe(refused('token_signature_invalid'))
    }
    for (const alg of ['RS1', 'RS512', 'ES256K', 'RSA-OAEP', 'dir']) {
      const token = forge(header({ alg }), payload(scene), attacker.sign)
      expect(await scene.doors(token)).toBe(refused('token_algorithm_refused'))
    }
    await untouched(scene)
  })

  it('the right one with a stranger’s key is refused, and with the provider’s own passes', async () => {
    const scene = await open()
    const forged = forge(header(), payload(scene), attacker.sign)
    expect(await scene.doors(forged)).toBe(refused('token_signature_invalid'))
    await untouched(scene)
    expect(await scene.doors(await scene.idp.token())).toBe(admitted)
  })
})

describe('A02 alg confusion: a key that the header brings or names', () => {
  it('is never taken, and no address of the header is asked', async () => {
    const scene = await open()
    const trap = await startTrap()
    const at = `http://127.0.0.1:${trap.port}/keys`
    const injected = [
      { jwk: attacker.jwk },
      { jwk: { kty: 'oct', k: 'AA' } },
      { jku: at },
      { jku: at, kid: 'evil' },
      { x5u: at },
      { x5c: ['MIIB'] },
      { jku: scene.idp.issuer.replace('http:', 'file:') },
    ]
    for (const extra of injected) {
      const token = forge(header(extra), payload(scene), attacker.sign)
      expect(await scene.doors(token)).toBe(refused('token_malformed'))
    }
    expect([trap.caught, scene.idp.requests]).toEqual([[], []])
    await untouched(scene)
  })

  it('kid is a name and nothing else: no path, no URL, no query', async () => {
    const scene = await open()
    const trap = await startTrap()
    const url = `http://127.0.0.1:${trap.port}/keys`
    const kids = [
      url,
      `${scene.idp.issuer}/keys`,
      '../../../../etc/passwd',
      '../../keys',
      'file:///dev/null',
      '/dev/null',
      "' OR 1=1 --",
      'idp-1?x=/keys',
      '__proto__',
      'constructor',
      '',
      'x'.repeat(8_000),
      5,
      null,
      ['idp-1'],
      { a: 1 },
    ]
    expect(await scene.doors(await scene.idp.token())).toBe(admitted)
    const { length } = scene.idp.requests
    const { connections } = scene.downstream
    for (const kid of kids) {
      const token = forge(header({ kid }), payload(scene), attacker.sign)
      expect(await scene.doors(token)).toBe(refused('token_signature_invalid'))
    }
    expect(trap.caught).toEqual([])
    const later = scene.idp.requests.slice(length)
    expect(later.filter((asked) => !/^\/realms\/acme\/(keys|\.well-known\/[a-z-]+)$/.test(asked))).toEqual([])
    expect(scene.downstream.connections).toBe(connections)
  })

  it('critical extensions, unencoded payloads and compression are refused', async () => {
    const scene = await open()
    for (const extra of [
      { crit: ['exp'] },
      { crit: [] },
      { b64: false, crit: ['b64'] },
      { b64: false },
      { zip: 'DEF' },
    ]) {
      const token = forge(header(extra), payload(scene), attacker.sign)
      expect(await scene.doors(token)).toBe(refused('token_malformed'))
    }
    await untouched(scene)
  })
})

describe('A02 alg confusion: our own session tokens', () => {
  it('are refused under another algorithm, key or header, though all of it can be read', async () => {
    const scene = await open()
    const minted: string = (await scene.mint(await scene.idp.token())).body['access_token']
    const [own, claims] = minted
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
    const { keys } = (await (await fetch(`${scene.running.egress}/oauth2/jwks`)).json()) as {
      keys: [{ x: string; kid: string }]
    }
    const ed = generateKeyPairSync('ed25519')
    const forged: readonly [string, string][] = [
      [
        'token_algorithm_refused',
        forge({ ...own, alg: 'HS256' }, claims, byHmac(Buffer.from(keys[0].x, 'base64url'))),
      ],
      ['token_algorithm_refused', forge({ ...own, alg: 'HS256' }, claims, byHmac(JSON.stringify(keys[0])))],
      ['token_algorithm_refused', forge({ ...own, alg: 'none' }, claims, () => Buffer.from('x'))],
      ['token_signature_invalid', forge(own, claims, byEd25519(ed.privateKey))],
      ['token_signature_invalid', forge({ ...own, kid: 'x' }, claims, byEd25519(ed.privateKey))],
      ['token_signature_invalid', forge({ ...own, kid: undefined }, claims, byEd25519(ed.privateKey))],
      [
        'token_malformed',
        forge({ ...own, jwk: ed.publicKey.export({ format: 'jwk' }) }, claims, byEd25519(ed.privateKey)),
      ],
      ['token_signature_invalid', `${minted.slice(0, minted.lastIndexOf('.'))}.${'A'.repeat(86)}`],
    ]
    for (const [code, token] of forged) {
      const answer = await scene.ask(token)
      expect([answer.status, answer.code]).toEqual([401, code])
    }
    expect(scene.downstream.connections).toBe(0)
    expect((await scene.ask(minted)).status).toBe(200)
  })
})
