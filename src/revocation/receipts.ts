import { hash } from 'node:crypto'
import type { Receipt } from '../model/index.ts'
import type { Receipts, Signer } from '../storage/index.ts'

/** A receipt and its signed form: a compact JWS (RFC 7515), `typ: sallyport-receipt+jws`, EdDSA. */
export interface SignedReceipt {
  readonly receipt: Receipt
  readonly jws: string
}

/** What a receipt says, without its place among its revisions. */
export type ReceiptContent = Omit<Receipt, 'revision' | 'previous'>

/**
 * The receipts of this process. A change is one step: read the latest revision, change it, sign and keep the next
 * one, which names the former by its hash (revocation protocol, line 12). What changes nothing makes no revision.
 */
export interface Ledger {
  latest(id: string): Promise<SignedReceipt | undefined>
  /** `change` gets the latest content, or undefined where there is none; undefined back changes nothing. */
  revise(
    id: string,
    change: (latest: ReceiptContent | undefined) => ReceiptContent | undefined,
  ): Promise<SignedReceipt | undefined>
}

export function createLedger(deps: { readonly receipts: Receipts; readonly signer: Signer }): Ledger {
  // One revision after the other: two changes at once would both build on the same former one.
  let turn: Promise<unknown> = Promise.resolve()

  const latest = async (id: string): Promise<SignedReceipt | undefined> => {
    const stored = await deps.receipts.latest(id)
    return stored === undefined ? undefined : { receipt: readReceipt(stored.jws), jws: stored.jws }
  }

  const reviseNow: Ledger['revise'] = async (id, change) => {
    const before = await latest(id)
    const known = before === undefined ? undefined : contentOf(before.receipt)
    const content = change(known)
    if (content === undefined || (known !== undefined && sameContent(known, content))) return before
    const revision = (before?.receipt.revision ?? 0) + 1
    const previous = before === undefined ? {} : { previous: hash('sha256', before.jws, 'hex') }
    const signed = signReceipt({ ...content, revision, ...previous }, deps.signer)
    await deps.receipts.save(id, revision, signed.jws)
    return signed
  }

  return {
    latest,
    revise: (id, change) => {
      const mine = turn.catch(() => undefined).then(() => reviseNow(id, change))
      turn = mine
      return mine
    },
  }
}

function signReceipt(receipt: Receipt, signer: Signer): SignedReceipt {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg: 'EdDSA', kid: signer.kid, typ: 'sallyport-receipt+jws' })}.${encode(receipt)}`
  return { receipt, jws: `${input}.${Buffer.from(signer.sign(Buffer.from(input))).toString('base64url')}` }
}

function readReceipt(jws: string): Receipt {
  return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Receipt
}

function contentOf({ revision: _revision, previous: _previous, ...content }: Receipt): ReceiptContent {
  return content
}

/** Equal but for the time at which it is said. */
function sameContent(one: ReceiptContent, other: ReceiptContent): boolean {
  const comparable = ({ at: _at, ...rest }: ReceiptContent) =>
    JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))
  return comparable(one) === comparable(other)
}
