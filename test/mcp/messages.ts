/** Messages of clients, in both eras. */
import type { Sent } from './world.ts'

type Fields = Readonly<Record<string, unknown>>

export const versionKey = 'io.modelcontextprotocol/protocolVersion'
export const modernVersion = '2026-07-28'
export const json = ['Content-Type', 'application/json', 'Accept', 'application/json, text/event-stream']

/** A request of the legacy eras. */
export function legacy(method: string, params: Fields = {}, headers: readonly string[] = []): Sent {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  return { headers: [...json, 'MCP-Protocol-Version', '2025-11-25', ...headers], body }
}

export const call = (name: string, args: Fields = {}): Fields => ({ name, arguments: args })

const meta = { [versionKey]: modernVersion, 'io.modelcontextprotocol/clientCapabilities': {} }
const named: Readonly<Record<string, string | undefined>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

/** The body of a request of the modern era. */
export const modernBody = (method: string, params: Fields = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: meta, ...params } })

/** The headers that such a body needs; one that is given as `undefined` is left out. */
export function modernHeaders(
  told: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): string[] {
  const all: Record<string, string | undefined> = { 'MCP-Protocol-Version': modernVersion, ...told }
  return [
    ...json,
    ...Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ...more,
  ]
}

export function modern(method: string, params: Fields = {}, more: readonly string[] = []): Sent {
  const field = named[method]
  const name = field === undefined ? {} : { 'Mcp-Name': String(params[field]) }
  return {
    headers: modernHeaders({ 'Mcp-Method': method, ...name }, more),
    body: modernBody(method, params),
  }
}

/** In both eras, with their names. */
export const eras = { legacy, modern } as const

/** The messages of a listing: the names of its tools. */
export const namesIn = (body: Record<string, any>): string[] =>
  body['result'].tools.map(({ name }: { name: string }) => name)
