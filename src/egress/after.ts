/**
 * Goes on at once with what is there, and later with what has to be waited for: a request in steady state waits for
 * nothing, and a promise would cost it a turn. What `next` throws at once is the caller's; later it goes to `fail`.
 */
export function after<T>(
  value: T | Promise<T>,
  next: (value: T) => void,
  fail: (error: unknown) => void,
): void {
  if (value instanceof Promise) value.then(next).then(undefined, fail)
  else next(value)
}
