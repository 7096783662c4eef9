import type { FetchAnswer } from '../../model/index.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding } from './finding.ts'

/** Our clock beside a moment that the IdP just told, in seconds. Answers are under way for a while. */
function compare(theirs: number, { config, tools }: Examination): Finding {
  const { skew } = config.login
  const ahead = Math.round(tools.clock.now() - theirs)
  const seconds = Math.abs(ahead)
  if (seconds <= skew + 2) return finding('clock_agrees', { seconds })
  return finding('clock_apart', { seconds, skew, direction: ahead > 0 ? 'ahead of' : 'behind' })
}

/** By the `Date` of an answer; nothing where it has none, as at Keycloak. */
export function clockOfAnswer(answer: FetchAnswer | undefined, at: Examination): readonly Finding[] {
  const date = [...(answer?.headers ?? [])].find(([name]) => name.toLowerCase() === 'date')?.[1]
  const theirs = date === undefined ? Number.NaN : Date.parse(date) / 1000
  return Number.isNaN(theirs) ? [] : [compare(theirs, at)]
}

/** By the `iat` of a token that was made for us a moment ago. */
export function clockOfToken(issuedAt: number | undefined, at: Examination): readonly Finding[] {
  return issuedAt === undefined ? [] : [compare(issuedAt, at)]
}
