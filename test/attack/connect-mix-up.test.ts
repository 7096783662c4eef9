import { expect, it } from 'vitest'
import { page } from '../accounts/world.ts'
import { answerOf, keptOf, startLinking } from './linking.ts'

it('A24: an answer of another authorization server is sent nowhere, and what it says is not shown', async () => {
  const it = await startLinking()
  const browser = it.browser()
  const refused = async (change: (parameters: URLSearchParams) => void) => {
    const back = await answerOf(it, browser, await it.link('alice'), 'alice')
    change(back.searchParams)
    const at = page(await browser.open(back))
    expect(at.status, back.href).toBe(502)
    expect(at.html).not.toContain('said-by-a-stranger')
    expect(it.as.count('/token')).toBe(0)
    expect(await keptOf(it, 'alice')).toBe(0)
  }
  await refused((answer) => answer.set('iss', 'https://evil.example'))
  await refused((answer) => answer.set('iss', `${it.as.issuer}/`))
  await refused((answer) => answer.set('iss', it.as.issuer.toUpperCase()))
  await refused((answer) => answer.append('iss', 'https://evil.example'))
  await refused((answer) => answer.delete('iss'))
  await refused((answer) => {
    answer.delete('code')
    answer.set('iss', 'https://evil.example')
    answer.set('error', 'access_denied')
    answer.set('error_description', 'said-by-a-stranger')
  })
  await refused((answer) => answer.append('code', 'another'))
})

it('A24: where the server does not say that it names itself, a name that is there is still compared', async () => {
  const it = await startLinking()
  it.as.metadata = { ...it.as.metadata, authorization_response_iss_parameter_supported: false }
  const browser = it.browser()
  const foreign = await answerOf(it, browser, await it.link('alice'), 'alice')
  foreign.searchParams.set('iss', 'https://evil.example')
  expect(page(await browser.open(foreign)).status).toBe(502)
  expect(await keptOf(it, 'alice')).toBe(0)
  const unnamed = await answerOf(it, browser, await it.link('alice'), 'alice')
  unnamed.searchParams.delete('iss')
  expect(page(await browser.open(unnamed)).says).toContain('is connected')
})
