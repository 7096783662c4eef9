/** `sallyport doctor` in the test's own process, on the wiring of the program. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/index.ts'
import { doctor, type DoctorTools, type DoctorWords } from '../../src/console/index.ts'
import { openDoctor } from '../../src/wire-doctor.ts'
import { temporaryFolder } from '../kit/folder.ts'

export interface Found {
  readonly code: string
  readonly verdict: string
  readonly says: string
  readonly setting?: string
  readonly page: string
}

export interface Examined {
  readonly exit: number
  readonly findings: readonly Found[]
  /** Codes of what is wrong. */
  readonly wrong: readonly string[]
  /** The settings that are named for it. */
  readonly settings: readonly (string | undefined)[]
  readonly untried: readonly string[]
  /** All that was printed. */
  readonly text: string
}

export interface Case {
  readonly config: string
  /** `single` gets a key and a data folder besides. */
  readonly form?: 'single' | 'dev'
  readonly files?: Readonly<Record<string, string>>
  readonly words?: Partial<DoctorWords>
  readonly here?: Partial<Pick<DoctorTools, 'instance' | 'listenable' | 'writable'>>
}

/** Everything that a configuration needs besides what a test is about. */
const frame = `key: file:key.bin
data: ./data
`

export async function examine({ config: text, form = 'single', ...more }: Case): Promise<Examined> {
  const { files = {}, words = {}, here = {} } = more
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'key.bin'), 'k'.repeat(32), { mode: 0o600 })
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), content, { mode: 0o600 })
  const path = join(folder, 'sallyport.yaml')
  writeFileSync(path, form === 'dev' ? text : `${frame}${text}`)
  const lines: string[] = []
  const load = async () =>
    openDoctor(await loadConfig(path, { form, env: {} }), {
      instance: () => undefined,
      listenable: async () => 'free',
      writable: () => true,
      ...here,
    })
  const output = { json: true, line: (line: string) => void lines.push(line), progress: () => undefined }
  const exit = await doctor({ fixNothing: false, calls: [], seconds: 10, ...words }, load, output)
  const { findings } = JSON.parse(lines.join('\n')) as { findings: readonly Found[] }
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong')
  return {
    exit,
    findings,
    wrong: wrong.map(({ code }) => code),
    settings: wrong.map(({ setting }) => setting),
    untried: findings.filter(({ verdict }) => verdict === 'untried').map(({ code }) => code),
    text: lines.join('\n'),
  }
}
