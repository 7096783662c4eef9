/** Looks for secrets in what people and programs could see, in every form a log or a dump may give them. */
export interface Haystack {
  readonly name: string
  readonly bytes: Buffer
}

export function findSecrets(secrets: readonly string[], haystacks: readonly Haystack[]): string[] {
  const found: string[] = []
  for (const [index, secret] of secrets.entries()) {
    for (const [form, needle] of formsOf(secret)) {
      for (const { name, bytes } of haystacks) {
        if (bytes.includes(needle)) found.push(`credential ${index + 1} (${form}) in ${name}`)
      }
    }
  }
  return found
}

/** The token itself and its signature alone, plain, in base64 at each of three alignments, base64url and hex. */
function formsOf(secret: string): [string, string][] {
  const signature = secret.split('.')[2] ?? secret
  const bytes = Buffer.from(secret)
  const inner = (shift: number) =>
    bytes.subarray(shift, shift + 3 * Math.floor((bytes.length - shift) / 3)).toString('base64')
  return [
    ['plain', secret],
    ['signature', signature],
    ['base64', inner(0)],
    ['base64, second alignment', inner(1)],
    ['base64, third alignment', inner(2)],
    ['base64url', bytes.toString('base64url')],
    ['hex', bytes.toString('hex')],
  ]
}
