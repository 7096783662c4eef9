/**
 * `fetch` as built by the one guarded dialler: it judges the resolved address, never follows a redirect, never
 * uses a proxy from the environment, and bounds time and size. Every outbound call that is not a downstream
 * request goes through it.
 */
export type GuardedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>
