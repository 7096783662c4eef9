/** Python's own reading of paths: what its server would open below a base. */
import { spawnSync } from 'node:child_process'

const program = `
import json, posixpath, sys
from urllib.parse import unquote, urlsplit
for line in sys.stdin:
    base, target = json.loads(line)
    parts = urlsplit("//host" + base + target)
    plain = unquote(parts.path, errors="strict")
    print(json.dumps([parts.netloc, parts.path, parts.query, plain, posixpath.normpath(plain)]))
`

/** How Python splits and resolves a target: host, path, query, path decoded, path resolved. */
export type PythonReading = readonly [
  host: string,
  path: string,
  query: string,
  plain: string,
  resolved: string,
]

/** In the order of `targets`. `python`: the interpreter. */
export function readByPython(
  python: string,
  targets: readonly (readonly [base: string, target: string])[],
): readonly PythonReading[] {
  const input = targets.map((it) => JSON.stringify(it)).join('\n')
  const { error, status, stdout, stderr } = spawnSync(python, ['-c', program], { input, encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(stderr)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PythonReading)
}
