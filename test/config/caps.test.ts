import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { printConfig } from '../../src/config/index.ts'
import { faults, least, load } from './written.ts'

const usual = { place: 'caps[0]', per: ['principal'], concurrent: 100 }

describe('caps', () => {
  it('hold each principal to 100 open calls and look for loops where nothing is said', async () => {
    const { config } = await load(least)
    expect(config.budgets).toEqual({ caps: [usual], loops: { same: 20, within: 60 } })
    expect(config.limits).toMatchObject({ argumentBytes: 262_144, resultBytes: 16_777_216 })
  })

  it('are read with the place that refusals name', async () => {
    const { config } = await load(`${least}
caps:
  - { per: principal, calls: 60/1m, concurrent: 10, daily: 1000 }
  - { per: [principal, tool], effects: 20 }
loops: { same: 5, within: 30s }
limits: { arguments: 4096, result: 8192 }
`)
    expect(config.budgets).toEqual({
      caps: [
        {
          place: 'caps[0]',
          per: ['principal'],
          calls: { count: 60, withinMs: 60_000 },
          concurrent: 10,
          daily: 1000,
        },
        { place: 'caps[1]', per: ['principal', 'tool'], effects: 20 },
      ],
      loops: { same: 5, within: 30 },
    })
    expect(config.limits).toMatchObject({ argumentBytes: 4096, resultBytes: 8192 })
  })

  it('of a server count beside those of all', async () => {
    const { config } = await load(
      least.replace('allow: ["group:crm-users"]\ndirect: [orders]\n', '').replace(
        'downstreams:',
        `servers:
  crm: { allow: [anyone], direct: [orders], caps: [{ per: tool, calls: 5/1s }] }
  billing: { allow: [anyone], caps: [{ per: server, concurrent: 3 }] }
downstreams:`,
      ),
    )
    expect(config.budgets.caps).toEqual([
      usual,
      { place: 'servers.crm.caps[0]', server: 'crm', per: ['tool'], calls: { count: 5, withinMs: 1000 } },
      { place: 'servers.billing.caps[0]', server: 'billing', per: ['server'], concurrent: 3 },
    ])
  })

  it('keep the usual one beside a cap of principals that says nothing of open calls', async () => {
    const { config } = await load(`${least}caps: [{ per: principal, calls: 60/1m }]\n`)
    expect(config.budgets.caps[1]).toEqual({ ...usual, place: 'caps[1]' })
  })

  it('expand to what expands to itself', async () => {
    const { expanded } = await load(`${least}caps: [{ per: tool, calls: 60/1m }]\nloops: off\n`)
    expect(expanded.loops).toBe('off')
    const again = await load(printConfig(expanded))
    expect(again.expanded).toEqual(expanded)
    expect(parse(printConfig(expanded))).toMatchObject({
      caps: [
        { per: ['tool'], calls: '60/1m' },
        { per: ['principal'], concurrent: 100 },
      ],
    })
  })

  it('are part of the version', async () => {
    const versions = await Promise.all(
      ['', 'loops: off\n', 'caps: [{ per: tool, daily: 1 }]\n'].map(
        async (more) => (await load(least + more)).config.version,
      ),
    )
    expect(new Set(versions).size).toBe(3)
  })

  const line = least.split('\n').length
  it.each([
    ['a window without a unit', 'caps: [{ per: tool, calls: 60/1 }]', /calls[^]*has no unit[^]*60\/1m/],
    ['a unit of days', 'caps: [{ per: tool, calls: 60/1d }]', /none of s, m and h/],
    ['a word for a unit', 'caps: [{ per: tool, calls: 60/1min }]', /none of s, m and h/],
    ['no length', 'caps: [{ per: tool, calls: 60/m }]', /has no length/],
    ['a window of nothing', 'caps: [{ per: tool, calls: 60/0s }]', /between 1s and 1h/],
    ['a window of two hours', 'caps: [{ per: tool, calls: 60/2h }]', /between 1s and 1h/],
    ['no calls at all', 'caps: [{ per: tool, calls: 0/1s }]', /between 1 and 1000000/],
    ['a number alone', 'caps: [{ per: tool, calls: 60 }]', /a number[^]*give a text/],
    ['a blank', 'caps: [{ per: tool, calls: 60 / 1m }]', /no count in a window/],
    [
      'no limit',
      'caps: [{ per: tool }]',
      /caps\[0\][^]*limits nothing[^]*calls, concurrent, daily or effects/,
    ],
    ['a word twice', 'caps: [{ per: [tool, tool], daily: 1 }]', /caps\[0\]\.per[^]*twice/],
    ['an unknown word', 'caps: [{ per: user, daily: 1 }]', /none of the known words|give [^]*principal/],
    ['no word', 'caps: [{ per: [], daily: 1 }]', /too few entries/],
    ['no per', 'caps: [{ daily: 1 }]', /caps\[0\]\.per[^]*missing/],
    ['a misspelt limit', 'caps: [{ per: tool, concurent: 1 }]', /did you mean "concurrent"\?/],
    ['nothing for a day', 'caps: [{ per: tool, daily: 0 }]', /too small/],
    ['a window of loops', 'loops: { within: 2h }', /loops\.within[^]*out of range/],
    ['parameters of no size', 'limits: { arguments: 10 }', /limits\.arguments[^]*at least 1024/],
  ])('at fault: %s', async (_name, text, says) => {
    const [fault = '', more] = await faults(`${least}${text}\n`)
    expect(fault).toMatch(says)
    expect(fault.startsWith(`${line}:`)).toBe(true)
    expect(more).toBeUndefined()
  })
})
