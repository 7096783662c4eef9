import { type ErrorCode, type Json, SallyportError } from '../../model/index.ts'
import type { HeldUse, Source } from '../../policy/index.ts'

/** Where a request is not what its call says. Values of callers: for whoever asks about a request of his own, never for a log. */
export interface Differing {
  /** As `bind` has it, or as it stands in the request: `path.id`, `query.page`, `body.amount`, `body/lines/0`. */
  readonly part: string
  /** Of the call, where the part is bound to one and the call has it. */
  readonly wanted?: Json
  /** In the request, where it is there. */
  readonly found?: Json
  /** It stands there more than once. */
  readonly twice?: true
}

/** A use as a request is held to it. `tell` is told what differs, right before it is refused. */
export interface Holding extends HeldUse {
  readonly tell?: (differing: Differing) => void
}

/** What a request to be held is refused with, and the place of the configuration that says so. */
export function refuse(code: Extract<ErrorCode, `call_${string}`>, rule: string): SallyportError {
  return new SallyportError(code, { rule })
}

/** A bound part that says another thing than the call, or that only one of the two has. */
export function mismatch(
  { place, tell }: Pick<Holding, 'place' | 'tell'>,
  source: Source,
  {
    wanted,
    found,
    twice,
  }: { readonly wanted: Json | undefined; readonly found: Json | undefined; readonly twice?: boolean },
): SallyportError {
  tell?.({
    part: source.place.slice(`${place}.bind.`.length),
    ...(wanted === undefined ? {} : { wanted }),
    ...(found === undefined ? {} : { found }),
    ...(twice === true ? { twice } : {}),
  })
  return refuse('call_parameter_mismatch', source.place)
}

/** A part that is named nowhere, where nothing else may stand or where some reader takes it for one that is. */
export function unbound(
  part: string,
  { place, tell, rest }: Pick<Holding, 'place' | 'tell'> & { readonly rest: boolean },
): SallyportError {
  tell?.({ part })
  return refuse('call_field_unbound', rest ? `${place}.rest` : `${place}.bind`)
}
