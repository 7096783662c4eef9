import { z } from 'zod'
import { capKeys } from '../../policy/index.ts'
import { duration, rate } from './scalars.ts'

const capKey = z.enum(capKeys)
const many = z.int().min(1).max(1_000_000)

const cap = z.strictObject({
  per: z
    .union([capKey, z.array(capKey).min(1)])
    .describe(
      'What is counted apart: `principal`, `client`, `tool`, `session`, `server`, `downstream`, or several, as in `[principal, tool]`.',
    ),
  calls: rate
    .optional()
    .describe('Calls in a window that slides, as `60/1m`: a count, and a window of 1s to 1h.'),
  concurrent: many.optional().describe('Calls that are open at once.'),
  daily: many.optional().describe('Calls of one day of UTC.'),
  effects: many
    .optional()
    .describe(
      'Calls of class `write` or `critical`: of a session where `per` names it (until it makes none for a day), else of one day of UTC.',
    ),
})

export const caps = z.array(cap)

export const loops = z.union([
  z.enum(['off']),
  z.strictObject({
    same: many.optional().meta({ description: 'How often the same call is let through.', default: 20 }),
    within: duration.optional().meta({ description: 'The window, 1s to 1h.', default: '1m' }),
  }),
])
