/** The resource of a scope of Entra: `https://graph.microsoft.com` of `https://graph.microsoft.com/Mail.Read`. */
export const resourceOfScope = (scope: string): string | undefined =>
  /^(https?:\/\/.+|api:\/\/.+|[0-9a-f-]{36})\/[^/]+$/i.exec(scope)?.[1]

/** The scope that was asked for and that a granted one stands for: Entra answers with short names, and with all that `.default` is. */
export function entraScope(granted: string, asked: readonly string[]): string {
  if (asked.includes(granted)) return granted
  const short = granted.split('/').at(-1) ?? granted
  const own = resourceOfScope(granted)
  const match = asked.find((scope) => {
    const resource = resourceOfScope(scope)
    if (resource === undefined || (own !== undefined && own !== resource)) return false
    return scope === `${resource}/${short}` || scope === `${resource}/.default`
  })
  return match ?? granted
}
