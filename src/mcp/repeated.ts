import { isJsonObject, type Json, parameterAt, SallyportError } from '../model/index.ts'
import type { Head } from './head.ts'
import type { Message } from './message.ts'
import { mirrored } from './mirrored.ts'
import type { RepeatedArgument } from './tools/parameter-headers.ts'

/**
 * The headers that repeat arguments say what the arguments are (MCP 2026-07-28, "Custom Headers from Tool Parameters"): whoever
 * routes by them must not be told another thing than the server. One that is left out is the server's to miss.
 * @throws protocol_mismatch
 */
export function checkRepeatedArguments(
  { params }: Extract<Message, { kind: 'request' }>,
  { leaving }: Head,
  repeated: readonly RepeatedArgument[],
): void {
  const args = params['arguments']
  for (const { header, pointer } of repeated) {
    const index = leaving.findIndex((name, at) => at % 2 === 0 && name === header)
    const value = index === -1 ? undefined : leaving[index + 1]
    if (value === undefined) continue
    const said = isJsonObject(args) ? parameterAt(args, pointer) : undefined
    if (!isSame(mirrored(value), said)) throw new SallyportError('protocol_mismatch')
  }
}

/** `42` and `42.0` are one integer. */
function isSame(text: string | undefined, value: Json | undefined): boolean {
  if (text === undefined) return false
  if (typeof value === 'number')
    return /^-?(?:0|[1-9]\d{0,15})(?:\.0+)?$/.test(text) && Number(text) === value
  return (
    (typeof value === 'string' && text === value) || (typeof value === 'boolean' && text === String(value))
  )
}
