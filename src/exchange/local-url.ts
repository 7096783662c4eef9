const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Clear HTTP is for what runs on this machine only. */
export function isLocal(url: URL): boolean {
  return url.protocol === 'http:' && loopback.test(url.hostname)
}
