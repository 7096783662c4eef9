import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canary, listen, startWorld, stop, token, type World } from '../egress/world.ts'

let world: World
let host: string
let evil: Server
let evilHost: string
let stolen: number

beforeEach(async () => {
  stolen = 0
  evil = createServer((socket) => {
    stolen += 1
    socket.destroy()
  })
  evilHost = `127.0.0.1:${await listen(evil)}`
  world = await startWorld({ named: 'orders.example' })
  host = new URL(world.origin).host
})
afterEach(async () => {
  await world.close()
  await stop(evil)
})

const own = `Authorization: Bearer ${token}\r\n`
const proxied = `Proxy-Authorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}\r\n`
const ask = (target: string, head: string, method = 'GET') =>
  world.raw(`${method} ${target} HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
const ourPort = (name: string): [string, string] => {
  const named = `${name}:${new URL(world.origin).port}`
  return [`http://${named}/orders/1`, `Host: ${named}\r\n`]
}
const inner = '/downstream/orders/orders/1'

/** Not injected, not dialled, and not the answer of the downstream. */
function nothingDone(answer: string): void {
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(world.seen).toEqual([])
  expect(world.exchange.needs).toEqual([])
  expect(stolen).toBe(0)
}

describe('A41 host mismatch: one source says where a request goes', () => {
  it.each([
    ['another Host', () => [`http://${evilHost}/orders/1`, `Host: ${host}\r\n`]],
    ['its own Host', () => [`http://${evilHost}/orders/1`, `Host: ${evilHost}\r\n`]],
    ['the Host of the listener', () => [`http://${evilHost}${inner}`, `Host: 127.0.0.1:${world.port}\r\n`]],
    ['its own Host and the port of the downstream', () => ourPort('evil.example')],
    ['a Host that ends like ours', () => ourPort('evil-orders.example')],
  ] as [string, () => [string, string]][])(
    'is refused for a URL of somebody else with %s',
    async (_what, parts) => {
      const [url, hostLine] = parts()
      nothingDone(await ask(url, hostLine + proxied))
      nothingDone(await ask(url, hostLine + own))
    },
  )

  it.each([
    ['somebody else', () => evilHost],
    ['the listener', () => `127.0.0.1:${world.port}`],
    ['another port', () => 'orders.example:1'],
    ['no port', () => 'orders.example'],
    ['a user before it', () => `a@${host}`],
    ['a dot behind it', () => host.replace(':', '.:')],
    ['something that begins like it', () => `${host}.evil.example`],
    ['nothing', () => ''],
  ])('is refused for a URL of the downstream whose Host is %s', async (_what, named) => {
    const answer = await ask(`http://${host}/orders/1`, `Host: ${named()}\r\n${proxied}`)
    nothingDone(answer)
    expect(answer).toContain('"code":"host_mismatch"')
  })

  it.each([
    ['the URL’s last', () => `Host: ${evilHost}\r\nHost: ${host}\r\n`],
    ['the URL’s first', () => `Host: ${host}\r\nHost: ${evilHost}\r\n`],
    ['twice the same', () => `Host: ${host}\r\nHost: ${host}\r\n`],
  ])('is refused with two Hosts in the absolute form: %s', async (_what, head) => {
    nothingDone(await ask(`http://${host}/orders/1`, head() + proxied))
  })

  it.each([
    ['ours last', 'Host: evil.example\r\nHost: 127.0.0.1\r\n'],
    ['ours first', 'Host: 127.0.0.1\r\nHost: evil.example\r\n'],
    ['twice ours', 'Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n'],
    ['none', ''],
    ['another', 'Host: evil.example\r\n'],
    ['the downstream’s', 'Host: orders.example\r\n'],
  ])('is refused in the origin form with Hosts that are not one, ours: %s', async (_what, head) => {
    nothingDone(await ask(inner, head + own))
  })

  it.each([
    ['before an at sign', () => `http://${host}@${evilHost}/orders/1`],
    ['behind an at sign', () => `http://${evilHost}@${host}/orders/1`],
    ['before a backslash', () => `http://${host}\\@${evilHost}/orders/1`],
    ['before a fragment', () => `http://${host}#@${evilHost}/orders/1`],
    ['with a blank and another version', () => `http://${evilHost}/ HTTP/1.1 http://${host}/orders/1`],
    ['as a path of somebody else', () => `http://${evilHost}/http://${host}/orders/1`],
    ['without a scheme', () => `//${host}/orders/1`],
    ['with three slashes', () => `http:///${host}/orders/1`],
    ['in another scheme', () => `gopher://${host}/orders/1`],
  ])('is refused for a URL that has the downstream %s', async (_what, url) => {
    for (const named of [host, evilHost]) nothingDone(await ask(url(), `Host: ${named}\r\n${proxied}`))
  })

  const forwarded = () =>
    [
      `X-Forwarded-Host: ${evilHost}`,
      `X_Forwarded_Host: ${evilHost}`,
      `Forwarded: host=${evilHost};proto=https`,
      `X-Host: ${evilHost}`,
      `X-Original-Host: ${evilHost}`,
      `X-Original-URL: http://${evilHost}/`,
      `X-Rewrite-URL: http://${evilHost}/`,
      `X-Forwarded-Server: ${evilHost}`,
      '',
    ].join('\r\n')

  it.each([
    ['absolute', () => [`http://${host}/orders/1`, `Host: ${host}\r\n${proxied}`]],
    ['origin', () => [inner, `Host: 127.0.0.1\r\n${own}`]],
  ] as [string, () => [string, string]][])(
    'goes where it is configured in the %s form, whatever else names a host',
    async (_, parts) => {
      const [target, head] = parts()
      expect(await ask(target, head + forwarded())).toMatch(/^HTTP\/1\.1 200 /)
      expect(stolen).toBe(0)
      const [seen] = world.seen
      const hosts = seen!.rawHeaders.filter((_it, index) => index % 2 === 0 && /^host$/i.test(_it))
      expect(hosts).toHaveLength(1)
      expect(seen!.headers).toMatchObject({ host, authorization: `Bearer ${canary}` })
      expect(seen!.rawHeaders.join('\n')).not.toContain(evilHost)
    },
  )
})
