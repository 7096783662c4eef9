import { hash } from 'node:crypto'
import type { Receipt } from '../model/index.ts'
import type { Receipts, Signer } from '../storage/index.ts'

/** A receipt and its signed form: a compact JWS (RFC 7515), `typ: sallyport-receipt+jws`, EdDSA. */
export interface SignedReceipt {
  readonly receipt: Receipt
  readonly jws: string
}

export function signReceipt(receipt: Receipt, signer: Signer): SignedReceipt {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg: 'EdDSA', kid: signer.kid, typ: 'sallyport-receipt+jws' })}.${encode(receipt)}`
  return { receipt, jws: `${input}.${Buffer.from(signer.sign(Buffer.from(input))).toString('base64url')}` }
}

/** The receipt inside a stored JWS of our own. */
export function readReceipt(jws: string): Receipt {
  return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Receipt
}

/**
 * Signs and keeps a further revision: r1 at the answer, then one at each change, each naming the former by its hash
 * (revocation protocol, line 12). An unchanged receipt makes no revision.
 */
export async function issueReceipt(
  content: Omit<Receipt, 'revision' | 'previous'>,
  deps: { readonly receipts: Receipts; readonly signer: Signer },
): Promise<SignedReceipt> {
  const latest = await deps.receipts.latest(content.id)
  if (latest !== undefined && sameContent(readReceipt(latest.jws), content)) {
    return { receipt: readReceipt(latest.jws), jws: latest.jws }
  }
  const revision = (latest?.revision ?? 0) + 1
  const previous = latest === undefined ? {} : { previous: hash('sha256', latest.jws, 'hex') }
  const signed = signReceipt({ ...content, revision, ...previous }, deps.signer)
  await deps.receipts.save(content.id, revision, signed.jws)
  return signed
}

function sameContent(receipt: Receipt, content: Omit<Receipt, 'revision' | 'previous'>): boolean {
  const { revision: _revision, previous: _previous, at: _at, ...known } = receipt
  const { at: _now, ...wanted } = content
  return JSON.stringify(sorted(known)) === JSON.stringify(sorted(wanted))
}

function sorted(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
}
