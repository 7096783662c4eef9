import { relative, isAbsolute } from 'node:path'
import { checkCaps } from './caps.ts'
import { checkClient, checkDownstreams } from './check-downstreams.ts'
import { checkNetwork } from './check-network.ts'
import { checkServers } from './check-servers.ts'
import { checkSignIn } from './check-sign-in.ts'
import type { Path } from './document.ts'
import type { Expanding } from './expanding.ts'
import type { Expanded } from './expanded.ts'
import { filePath } from './references.ts'
import { checkRun } from './run.ts'

/** Everything that the parts of a configuration have to be for each other. */
export function check(config: Expanded, context: Expanding): void {
  const { form, report } = context
  checkNetwork(config, form, report)
  checkDownstreams(config, report)
  checkServers(config, report)
  checkCaps(config, report)
  checkLogin(config, context)
  checkSignIn(config, context)
  checkKey(config, context)
  checkSpans(config, context)
  checkRun(config, context)
}

function checkLogin(config: Expanded, { report }: Expanding): void {
  const { login } = config
  if (login === undefined) {
    report.fault(['login'], 'nothing says who a person is', 'give login: { issuer: https://… }')
    return
  }
  if (login.client !== undefined) checkClient(login.client, ['login', 'client'], report)
  for (const [index, { subjects }] of config.workloads.entries()) {
    for (const [at, subject] of subjects.entries()) {
      if (subject.split('*').length <= 4) continue
      const path = ['workloads', index, 'subjects', at]
      report.fault(
        path,
        'this subject has more than three stars',
        'write it with fewer, or list the subjects',
      )
    }
  }
}

/** The key must not lie beside what it opens. */
function checkKey(config: Expanded, { form, folder, report }: Expanding): void {
  const { key, data } = config
  if (key === undefined) {
    if (form === 'single')
      report.fault(
        ['key'],
        'there is no key for the local store',
        'give key: file:/path with 32 random bytes, outside the data folder',
      )
    return
  }
  const reference = typeof key === 'string' ? key : key.passphrase
  if (!reference.startsWith('file:')) return
  const way = relative(data, filePath(reference, folder))
  if (way !== '' && (way.startsWith('..') || isAbsolute(way))) return
  const path: Path = typeof key === 'string' ? ['key'] : ['key', 'passphrase']
  report.fault(
    path,
    'the key lies in the data folder, so a copy of the folder opens itself',
    'keep it elsewhere',
  )
}

function checkSpans(
  { login, session, sign_in: spans, limits, record }: Expanded,
  { report }: Expanding,
): void {
  const between = (path: Path, value: number | undefined, [least, most]: readonly [number, number]) => {
    if (value !== undefined && (value < least || value > most)) {
      report.fault(path, 'this span of time is out of range', `give ${least}s to ${most}s`)
    }
  }
  between(['login', 'skew'], login?.skew, [0, 60])
  between(['session', 'lifetime'], session.lifetime, [30, 900])
  between(['session', 'key_rotation'], session.key_rotation, [600, 30 * 86_400])
  between(['sign_in', 'access'], spans.access, [60, 86_400])
  between(['sign_in', 'idle'], spans.idle, [300, 400 * 86_400])
  between(['sign_in', 'absolute'], spans.absolute, [300, 400 * 86_400])
  between(['sign_in', 'leeway'], spans.leeway, [0, 120])
  between(['limits', 'connect'], limits.connect, [1, 300])
  between(['limits', 'headers'], limits.headers, [1, 3600])
  between(['limits', 'idle'], limits.idle, [1, 86_400])
  between(['limits', 'tunnel'], limits.tunnel, [1, 86_400])
  between(['limits', 'call'], limits.call, [1, 3600])
  between(['limits', 'child_idle'], limits.child_idle, [1, 7 * 86_400])
  between(['record', 'retention'], record.retention, [3600, 400_000_000])
}
