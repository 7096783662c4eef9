import type { FastifyRequest } from 'fastify'
import { type Clock, SallyportError } from '../../model/index.ts'
import type { Seal } from '../../storage/index.ts'
import type { Visitors } from './visitors.ts'

/** How long a form may stand open, in seconds. */
const life = 600

/**
 * Forms of our own pages. What stands hidden in one is sealed, and bound to the sign-in of the browser that it was made
 * for: another page can neither make one nor have somebody else's browser send it.
 */
export interface Forms {
  /** A hidden value that brings `value` back. */
  make(request: FastifyRequest, purpose: string, value: string): string
  /** @throws form_refused */
  read(request: FastifyRequest, purpose: string, hidden: string | undefined): string
}

export interface FormDeps {
  readonly seal: Seal
  readonly clock: Clock
  readonly visitors: Pick<Visitors, 'binding'>
  /** Scheme, host and port of our own pages. */
  readonly origin: string
}

interface Hidden {
  readonly purpose: string
  readonly binding: string
  readonly until: number
  readonly value: string
}

export function createForms({ seal, clock, visitors, origin }: FormDeps): Forms {
  return {
    make: (request, purpose, value) => {
      const hidden: Hidden = { purpose, binding: visitors.binding(request), until: clock.now() + life, value }
      return seal.close(JSON.stringify(hidden))
    },
    read: (request, purpose, text) => {
      checkOrigin(request, origin)
      const opened = text === undefined ? undefined : seal.open(text)
      if (opened === undefined) throw new SallyportError('form_refused')
      const hidden = JSON.parse(opened) as Hidden
      const good =
        hidden.purpose === purpose &&
        hidden.binding === visitors.binding(request) &&
        hidden.until > clock.now()
      if (!good) throw new SallyportError('form_refused')
      return hidden.value
    },
  }
}

/**
 * Whether a page of our own posts. Browsers say where a form is from (Fetch §3.2); one that says nothing is none.
 * @throws origin_refused
 */
export function checkOrigin({ headers }: FastifyRequest, own: string): void {
  const { origin, host } = headers
  if (origin === own || (origin !== undefined && origin === `http://${host ?? ''}`)) return
  throw new SallyportError('origin_refused')
}
