import { createServer } from 'node:http'
import { Octokit as Core } from '@octokit/core'
import { paginateRest } from '@octokit/plugin-paginate-rest'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createSallyport } from '../../src/fetch.ts'
import { listen, stop } from '../egress/world.ts'
import { fine } from '../kit/raw.ts'
import { header, type WireMessage } from '../kit/wire.ts'
import { type Company, shared, startCompany } from './company.ts'

const Octokit = Core.plugin(paginateRest)

interface Attacker {
  readonly url: string
  readonly requests: readonly string[]
}

/** Notes every header and body that somebody sends it, and answers like an API. */
async function startAttacker(): Promise<Attacker> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    let text = `${request.method} ${request.url} ${request.rawHeaders.join(' ')} `
    request.setEncoding('latin1').on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      requests.push(text)
      response.writeHead(200, { 'content-type': 'application/json' }).end('[{"id":"stolen"}]')
    })
  })
  const url = `http://127.0.0.1:${await listen(server)}`
  onTestFinished(async () => {
    server.closeAllConnections()
    await stop(server)
  })
  return { url, requests }
}

const answer = (lines: string, body: unknown = []) =>
  fine(JSON.stringify(body)).replace('\r\n', `\r\n${lines}`)

let company: Company
let attacker: Attacker
let subject: string
let session: string

beforeEach(async () => {
  company = await startCompany({
    downstreams: `
  api:
    url: "{api}"
    static: { header: Authorization, prefix: "Bearer ", value: file:shared, per: all, owner: crm }
    operations: [{ op: "GET /items", class: read }, { op: "GET /items/{id}", class: read }, { op: "POST /items", class: write }]
  bank:
    url: "{api}/bank"
    resource: "https://bank.example"
    static: { header: Authorization, prefix: "Bearer ", value: file:shared, per: all, owner: crm }
    operations: [{ op: "GET /money", class: read }, { op: "POST /transfers", class: write }]`,
    servers: `
  crm: { url: "http://127.0.0.1:1/mcp", allow: [anyone], direct: [api, "api POST /items", bank, "bank POST /transfers"] }`,
  })
  attacker = await startAttacker()
  subject = await company.subject('alice')
  session = await company.session('alice')
})

/** The next answer of the downstream, and ends after it. */
const say = (page: (request: WireMessage) => string) => {
  let said = false
  company.downstream.answer = (request) => {
    if (said) return answer('', [{ id: 2 }])
    said = true
    return page(request)
  }
}

/** No token of the caller and no credential came to the attacker, whatever else did. */
const expectNothingStolen = () => {
  const secrets = [subject, session, subject.split('.')[2]!, session.split('.')[2]!, shared]
  for (const request of attacker.requests) {
    expect(request).not.toMatch(/authorization|bearer|capability/i)
    for (const secret of secrets) expect(request).not.toContain(secret)
  }
  for (const { headers } of company.downstream.requests) {
    for (const secret of secrets.slice(0, 4)) expect(headers.join('\n')).not.toContain(secret)
    expect(headers).toContain(`Bearer ${shared}`)
  }
}

const evil = () => `${attacker.url}/items?page=2`
const asRel = (target: string) => `Link: <${target}>; rel="next"\r\n`

/** Lines of an answer that point elsewhere, by what they try. */
const links: Readonly<Record<string, () => string>> = {
  'a link': () => asRel(evil()),
  'a link without a scheme': () => asRel(evil().slice('http:'.length)),
  'a link with the downstream as its user': () =>
    asRel(evil().replace('//', `//${new URL(company.downstream.url).host}@`)),
  'a link with blanks': () => asRel(` ${evil()} `),
  'a link with backslashes': () => asRel(evil().replaceAll('/', '\\')),
  'a link in other letters': () => asRel(evil().replace('http', 'HTTP')),
  'a link in a line of its own': () =>
    `Link: <${company.downstream.url}/items>; rel="prev"\r\n${asRel(evil())}`,
  'a link after another': () => asRel(`${company.downstream.url}/items>; rel="prev", <${evil()}`),
  'a link in quotes that do not end': () => `Link: <urn:a>; title="<${evil()}>; rel="next"\r\n`,
  'a link in quotes after a quoted pair': () => `Link: <urn:a>; title="\\"<${evil()}>; rel="next"\r\n`,
  'a link behind a backslash': () => `Link: \\<${evil()}>; rel="next"\r\n`,
  'a link in two lines': () => `Link: <${evil()}\r\nLink: x>; rel="next"\r\n`,
  'a link within a link': () => `Link: <${company.downstream.url}<${evil()}>; rel="next"\r\n`,
  'a link to the real downstream beside what is configured': () =>
    asRel(`${company.downstream.url.replace('127.0.0.1', 'localhost')}/items?page=2`),
  'LINK in capitals': () => asRel(evil()).replace('Link', 'LINK'),
}

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const redirects = [301, 302, 303, 307, 308]
const redirect = (status: number, location: string) =>
  say(() => answer(`Location: ${location}\r\n`).replace('200 OK', `${status} Elsewhere`))
const asked = () => company.downstream.requests.map(({ start }) => start.replace(' HTTP/1.1', ''))

describe('A43 absolute links: Octokit with its base URL at the egress', { timeout: 30_000 }, () => {
  const octokit = () =>
    new Octokit({ auth: session, baseUrl: `${company.running.egress}/downstream/api`, log })

  it('follows the pages of the downstream, through the egress (these tests would notice if it did not)', async () => {
    say(() => answer(asRel(`${company.downstream.url}/items?page=2`), [{ id: 1 }]))
    expect(await octokit().paginate('GET /items')).toEqual([{ id: 1 }, { id: 2 }])
    expect(asked()).toEqual(['GET /items', 'GET /items?page=2'])
    expectNothingStolen()
  })

  it('shows its token to nobody else, whatever a link says', async () => {
    for (const [what, lines] of Object.entries(links)) {
      say(() => answer(lines(), [{ id: 1 }]))
      const pages: unknown = await octokit()
        .paginate('GET /items')
        .catch((error: unknown) => error)
      expect(JSON.stringify(pages), what).not.toContain('stolen')
      expect([what, attacker.requests]).toEqual([what, []])
    }
    expectNothingStolen()
  })

  it('loses its token on the way where it follows a redirect', async () => {
    for (const [at, status] of redirects.entries()) {
      redirect(status, evil())
      const got = await octokit().request('GET /items')
      expect([got.data, attacker.requests.length]).toEqual([[{ id: 'stolen' }], at + 1])
    }
    expectNothingStolen()
  })

  it('is not led to another downstream with its token by a redirect', async () => {
    for (const status of redirects) {
      redirect(status, `${company.running.egress}/downstream/bank/transfers`)
      await octokit()
        .request('POST /items', { amount: 1000 })
        .catch(() => undefined)
    }
    expect(asked()).toEqual(redirects.map(() => 'POST /items'))
  })
})

describe.each([false, true])(
  'A43 absolute links: Octokit by the fetch of sallyport, passthrough %s',
  (passthrough) => {
    const open = () => {
      const sallyport = createSallyport({
        egress: company.running.egress,
        capability: company.running.capability('crm'),
        passthrough,
      })
      const fetch = sallyport.session(subject)
      return { fetch, client: new Octokit({ baseUrl: company.downstream.url, request: { fetch }, log }) }
    }

    it('follows the pages of the downstream, through the egress', async () => {
      say(() => answer(asRel(`${company.downstream.url}/items?page=2`), [{ id: 1 }]))
      expect(await open().client.paginate('GET /items')).toEqual([{ id: 1 }, { id: 2 }])
      expect(asked()).toEqual(['GET /items', 'GET /items?page=2'])
      expectNothingStolen()
    })

    it('shows no token to anybody else, whatever a link says', async () => {
      for (const lines of Object.values(links)) {
        say(() => answer(lines(), [{ id: 1 }]))
        await open()
          .client.paginate('GET /items')
          .catch(() => undefined)
      }
      expectNothingStolen()
    })

    it('follows no redirect, and none of the places that a created thing has', async () => {
      for (const status of [...redirects, 201]) {
        for (const name of ['Location', 'Content-Location']) {
          say(() => answer(`${name}: ${evil()}\r\n`).replace('200 OK', `${status} Elsewhere`))
          const { fetch, client } = open()
          await client.request('POST /items', { title: 'x' }).catch(() => undefined)
          say(() => answer(`${name}: ${evil()}\r\n`).replace('200 OK', `${status} Elsewhere`))
          const got = await fetch(`${company.downstream.url}/items`, { redirect: 'follow' })
          expect([status, got.status, got.headers.get(name)]).toEqual([status, status, evil()])
          const followed = fetch(evil())
          if (passthrough) await followed
          else await expect(followed).rejects.toMatchObject({ code: 'downstream_unknown' })
        }
      }
      if (!passthrough) expect(attacker.requests).toEqual([])
      expectNothingStolen()
    })

    it('shows no token to a next link in JSON, as Graph has them, wherever it points', async () => {
      const { fetch, client } = open()
      for (const next of [
        evil(),
        evil().replace('//', `//${new URL(company.running.egress).host}@`),
        `${attacker.url}/downstream/api/items`,
        `${company.running.egress.replace('127.0.0.1', '127.0.0.1.evil.invalid')}/downstream/api/items`,
        `${company.running.egress}@${new URL(attacker.url).host}/downstream/api/items`,
      ]) {
        company.downstream.answer = () => answer('', { value: [1], '@odata.nextLink': next })
        const { data } = await client.request('GET /items')
        const link = String((data as Record<string, unknown>)['@odata.nextLink'])
        expect(link).toBe(next)
        await client.request({ method: 'GET', url: link }).catch(() => undefined)
        await fetch(link).catch(() => undefined)
        await fetch(link, { method: 'POST', body: '{}' }).catch(() => undefined)
      }
      expectNothingStolen()
      if (!passthrough) expect(attacker.requests).toEqual([])
    })

    it('goes on by a next link in JSON of the downstream itself', async () => {
      say(() => answer('', { '@odata.nextLink': `${company.downstream.url}/items?$skiptoken=2` }))
      const { fetch } = open()
      const first = (await (await fetch(`${company.downstream.url}/items`)).json()) as Record<string, string>
      expect((await fetch(first['@odata.nextLink']!)).status).toBe(200)
      expect(asked()).toEqual(['GET /items', 'GET /items?$skiptoken=2'])
      expect(header(company.downstream.requests[1]!, 'authorization')).toEqual([`Bearer ${shared}`])
    })
  },
)
