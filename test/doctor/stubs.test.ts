/** The whole walk of a sign-in's client at the stub providers that sign-in itself is tested with. */
import { describe, expect, test } from 'vitest'
import { startEntra } from '../kit/idps/entra.ts'
import { startOkta } from '../kit/idps/okta.ts'
import { examine } from './rig.ts'

const stubs = [
  ['Entra', () => startEntra(), 'entra_redirect_unregistered', 'entra_secret_wrong'],
  ['Okta', () => startOkta(), 'okta_redirect_unregistered', 'okta_secret_wrong'],
] as const

describe.each(stubs)('the stub of %s', (_name, start, redirect, secret) => {
  async function look({ url = 'http://127.0.0.1:9181', known = 'sallyport-secret' } = {}) {
    const idp = await start()
    return examine({
      config: `
url: ${url}
login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:secret } }
servers: { crm: { allow: [anyone], direct: [] } }
`,
      files: { secret: known },
    })
  }

  test('set up right', async () => {
    const found = await look()
    const codes = found.findings.map(({ code }) => code)
    expect(found.wrong).toEqual([])
    expect(codes).toEqual(expect.arrayContaining(['metadata_read', 'client_taken', 'redirect_taken']))
  })

  test('with a redirect URI that it does not know', async () => {
    expect((await look({ url: 'http://127.0.0.1:9181/below' })).wrong).toEqual([redirect])
  })

  test('with another secret', async () => {
    expect((await look({ known: 'another-secret' })).wrong).toEqual([secret])
  })
})
