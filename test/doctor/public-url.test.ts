/** The public URL through proxies with one bad habit each, to a real instance and back. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findInstance } from '../../src/console/index.ts'
import { startInstance } from '../kit/instance.ts'
import { examine } from './rig.ts'
import { type Habits, startProxy } from './proxy.ts'

const body = `
server: http://127.0.0.1:9
allow: [anyone]
limits: { message: 2097152 }
`

/** One instance behind one proxy, whose habits change. */
async function world() {
  const proxy = await startProxy()
  const { folder, faces } = await startInstance({ form: 'dev', url: proxy.url, config: () => body })
  proxy.target = Number(new URL(faces.gateway?.url ?? '').port)
  const config = readFileSync(join(folder, 'sallyport.yaml'), 'utf8')
  return async (habits: Habits, running = true) => {
    proxy.habits = habits
    const instance = () => (running ? findInstance(join(folder, 'data')) : undefined)
    const found = await examine({ config, form: 'dev', here: { instance } })
    expect(found.findings.map(({ code }) => code)).toContain(running ? 'instance_running' : 'instance_absent')
    return found.findings.filter(({ code }) => /^(url|proxy)_/.test(code))
  }
}

describe('the public URL', () => {
  test('is found right through a proxy that changes nothing, and is not tried without the instance', async () => {
    const look = await world()
    expect((await look({})).map(({ code }) => code)).toEqual(['url_answers'])
    const found = await look({}, false)
    expect(found.map(({ code, verdict }) => [code, verdict])).toEqual([['url_not_tried', 'untried']])
  })

  const cases: readonly [what: string, habits: Habits, code: string, setting: RegExp][] = [
    ['another Host', { host: 'backend:3000' }, 'proxy_host', /proxy_set_header Host \$http_host/],
    [
      'a path without its beginning',
      { path: (it) => it.replace(/^\/[^/]+/, '') || '/' },
      'proxy_path',
      /proxy_pass/,
    ],
    ['no Authorization', { drops: ['authorization'] }, 'proxy_header', /authorization/],
    ['no Mcp-Session-Id', { drops: ['mcp-session-id'] }, 'proxy_header', /mcp-session-id/],
    ['streams that are kept back', { buffers: true }, 'proxy_buffers', /proxy_buffering off/],
    ['short bodies', { largest: 1_048_576 }, 'proxy_body', /client_max_body_size/],
    ['a cache', { caches: true }, 'proxy_caches', /proxy_cache off/],
    [
      'no route for metadata',
      { elsewhere: { path: /^\/\.well-known/, status: 404 } },
      'url_other',
      /route for \/\.well-known/,
    ],
    ['a redirect', { elsewhere: { path: /./, status: 301 } }, 'url_redirected', /redirect/],
    ['nobody behind', { elsewhere: { path: /./, status: 502 } }, 'url_other', /route/],
  ]
  test('names what a proxy does to requests', async () => {
    const look = await world()
    for (const [what, habits, code, setting] of cases) {
      const found = await look(habits)
      expect([what, found.map((it) => it.code)]).toEqual([what, [code]])
      expect(found[0]?.setting).toMatch(setting)
    }
  }, 60_000)

  test('answers nobody who has no open probe', async () => {
    const { faces } = await startInstance({ form: 'dev', front: 'gateway', config: () => body })
    const answer = await fetch(`${faces.gateway?.url ?? ''}/mcp`, {
      headers: { 'sallyport-probe': 'x'.repeat(32) },
    })
    expect(answer.status).not.toBe(200)
    expect(await answer.text()).not.toContain('probe')
  })
})
