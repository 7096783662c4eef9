import { expect, it, onTestFinished } from 'vitest'
import { epoch, millis } from '../../src/model/index.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { startIdp } from '../kit/idp.ts'
import { startHostile } from './hostile.ts'
import { killUnderLoad } from './kill-load.ts'

const clock = { now: () => epoch(Date.now() / 1000), monotonic: () => millis(performance.now()) }

it('kill -9 under load loses no acknowledged record and leaves no half-done connection', {
  timeout: 300_000,
}, async () => {
  const idp = await startIdp({ clock })
  onTestFinished(() => idp.close())
  const done = await killUnderLoad({
    folder: temporaryFolder(),
    files: { key: 'thirty-two bytes or more of a key file', shared: 'the-key-of-everybody' },
    more: '',
    idp,
    api: await startHostile(),
    kills: 3,
  })
  expect(done.requests).toBeGreaterThan(60)
  expect(done.connects).toBeGreaterThan(4)
})
