import { request } from 'node:http'
import { Duplex } from 'node:stream'
import { createFieldNames } from '../../../src/egress/http1/field.ts'
import { ResponseParser } from '../../../src/egress/http1/response-parser.ts'

/** What one reader made of an answer. */
export interface Reading {
  /** `refused`: it broke off. `open`: it waits for more. */
  readonly outcome: 'complete' | 'refused' | 'open'
  readonly status?: number
  readonly head?: readonly string[]
  readonly body: string
}

/** By our parser: pieces of bytes, and then, if `closed`, the end of the connection. */
export function readOurs(pieces: readonly Buffer[], method: string, closed: boolean): Reading {
  let status: number | undefined
  let head: readonly string[] | undefined
  let body = ''
  const seen = { complete: false }
  const sink = {
    onHead: (code: number, fields: readonly string[]) => {
      status = code
      head = fields
    },
    onBody: (bytes: Buffer) => {
      body += bytes.toString('latin1')
    },
    onMessageEnd: () => {
      seen.complete = true
    },
  }
  const parser = new ResponseParser(sink, createFieldNames())
  parser.begin(method)
  const told = (outcome: Reading['outcome']): Reading =>
    status === undefined || head === undefined ? { outcome, body } : { outcome, status, head, body }
  try {
    for (const piece of pieces) parser.execute(piece)
    if (closed) parser.finish()
  } catch {
    return told('refused')
  }
  return told(seen.complete ? 'complete' : 'open')
}

/** By llhttp, the parser that it replaces, as Node's own client has it. */
export async function readByNode(bytes: Buffer, method: string): Promise<Reading> {
  const socket = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  })
  return new Promise((resolve) => {
    const req = request({ method, createConnection: () => socket, host: 'x', path: '/' })
    req.on('error', () => resolve({ outcome: 'refused', body: '' }))
    req.on('response', (res) => {
      let body = ''
      const told = (outcome: Reading['outcome']) =>
        resolve({
          outcome,
          status: res.statusCode!,
          head: res.rawHeaders.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text)),
          body,
        })
      res.setEncoding('latin1')
      res.on('data', (text: string) => {
        body += text
      })
      res.on('end', () => told(res.complete ? 'complete' : 'refused'))
      res.on('error', () => told('refused'))
    })
    req.on('upgrade', () => resolve({ outcome: 'refused', body: '' }))
    req.end()
    setImmediate(() => {
      socket.push(bytes)
      socket.push(null)
    })
  })
}
