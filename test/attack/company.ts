/** A whole instance as people run it: real listeners, real tokens of two people, and a downstream of raw bytes. */
import { expect } from 'vitest'
import { freePorts, mint, type Running, startInstance } from '../kit/instance.ts'
import { type Line, type Motion, openLine, type RawDownstream, startRawDownstream } from '../kit/raw.ts'

export const shared = 'the-key-of-everybody-5b1d'

export interface Company {
  readonly running: Running
  readonly downstream: RawDownstream
  readonly motion: Motion
  readonly port: number
  /** A token as the person's client holds it. */
  subject(person: string): Promise<string>
  /** A session token of the person for the server. */
  session(person: string, server?: string): Promise<string>
  line(): Promise<Line>
}

export interface CompanyOptions {
  /** Under `downstreams:`, with the address of the raw downstream in place of `{api}`. */
  readonly downstreams?: string
  readonly servers?: string
}

const usualServers = `
  crm: { url: "http://127.0.0.1:1/mcp", allow: [anyone], direct: [api, "api POST /orders"] }`
const usualDownstreams = `
  api:
    url: "{api}"
    static: { header: X-Key, value: file:shared, per: all, owner: crm }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: "GET /orders", class: read }
      - { op: "POST /orders", class: write }`

export async function startCompany(options: CompanyOptions = {}): Promise<Company> {
  const motion = { count: 0 }
  const downstream = await startRawDownstream(motion)
  const downstreams = (options.downstreams ?? usualDownstreams).replaceAll('{api}', downstream.url)
  const running = await startInstance({
    form: 'dev',
    ports: await freePorts(),
    files: { shared },
    config: () => `servers:${options.servers ?? usualServers}\ndownstreams:${downstreams}\n`,
  })
  const port = Number(new URL(running.egress).port)
  const subject = async (person: string, server?: string) => {
    const body = { user: person, ttl: 3600, ...(server === undefined ? {} : { server }) }
    const answer = await running.admin('POST', '/v1/dev/tokens', body)
    return (answer.body as { token: string }).token
  }
  return {
    running,
    downstream,
    motion,
    port,
    subject,
    session: async (person, server = 'crm') => {
      const minted = await mint(running, server, await subject(person, server))
      expect(minted.status, JSON.stringify(minted.body)).toBe(200)
      return minted.token
    },
    line: () => openLine(port, motion),
  }
}
