import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Writable } from 'node:stream'
import Fastify from 'fastify'
import { mountTokenFace } from '../../src/identity/index.ts'
import { asSallyportError, renderOAuth, renderProblem } from '../../src/model/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, exchange, opened } from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())

const canary = 'sp-canary-7f3a'

/** Every part of a token that must not be seen, and each part's inside. */
const traces = (token: string): readonly string[] => [token, ...token.split('.').slice(1), canary]

describe('A07 the subject token, as a canary, at the token face', () => {
  it('is seen in no answer, header, record, log line, session or file, whatever becomes of it', async () => {
    const lines: string[] = []
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString())
        done()
      },
    })
    const log = createLog({ level: 'debug', stream })
    const folder = temporaryFolder()
    const { identity, around } = opened({ logins: [aLogin(idp)], clock })
    const app = Fastify()
    await mountTokenFace(app, { issuer: identity.issuer, address: () => 'http://x' }, { ...identity, log })

    const tokens = [
      await idp.token({ canary }),
      await idp.token({ canary, exp: clock.now() - 100, iat: clock.now() - 200 }),
      await idp.token({ canary, aud: `https://${canary}.example` }),
      await idp.token({ canary, iss: `https://${canary}.example` }),
      await idp.token({ canary, scope: canary, sub: `a\n${canary}` }),
      await idp.token({ canary }, { typ: canary }),
      `${canary}.${canary}.${canary}`,
    ]
    const seen: string[] = []
    for (const token of tokens) {
      const answer = await exchange(app, token)
      seen.push(JSON.stringify(answer))
      const failure = await identity.verifySubject(token, aServer()).catch(asSallyportError)
      if (failure instanceof Error) {
        seen.push(JSON.stringify(renderOAuth(failure, 'r')), JSON.stringify(renderProblem(failure, 'r')))
        log.error('refused', {}, failure)
      }
    }
    seen.push(
      JSON.stringify(around.events),
      JSON.stringify(around.put),
      JSON.stringify(around.handed),
      ...lines,
    )
    seen.push(JSON.stringify([...around.fetched, ...idp.requests]))
    for (const file of await readdir(folder)) seen.push(await readFile(`${folder}/${file}`, 'utf8'))
    const everything = seen.join('\n')
    for (const token of tokens) for (const trace of traces(token)) expect(everything).not.toContain(trace)
    expect(around.handed).toHaveLength(1)
  })
})
