/** Seconds since the epoch, as in JWT `NumericDate` (RFC 7519 §2). Never milliseconds. */
export type EpochSeconds = number & { readonly __unit: 'epoch seconds' }
/** A span in seconds. */
export type Seconds = number & { readonly __unit: 'seconds' }
/** A reading of a monotonic clock or a span of it, in milliseconds. */
export type Millis = number & { readonly __unit: 'millis' }

export const epoch = (value: number): EpochSeconds => Math.floor(value) as EpochSeconds
export const seconds = (value: number): Seconds => value as Seconds
export const millis = (value: number): Millis => value as Millis

/** The clocks a function may ask for. `now` is wall time; `monotonic` never goes back. */
export interface Clock {
  now(): EpochSeconds
  monotonic(): Millis
}

/** Position in the ordered log; 0 is "before the first entry". */
export type Seq = number
