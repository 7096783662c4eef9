import { asSallyportError, type ConfigProblem } from '../../model/index.ts'
import { exit, type ExitCode, type Output } from '../output.ts'
import { problemsOf } from '../problems.ts'
import type { DoctorTools, DoctorWords, Examined } from './examined.ts'
import { type Finding, finding } from './finding.ts'
import { planOf } from './plan.ts'
import { walk } from './step.ts'

/** A configuration that loads, with what it takes to look at the world that it speaks of. */
export interface Loaded {
  readonly config: Examined
  readonly tools: DoctorTools
  readonly close: () => Promise<void>
}

const marks = { ok: 'ok    ', note: 'note  ', untried: '?     ', wrong: 'WRONG ' } as const

function lines({ verdict, code, says, setting, page }: Finding): readonly string[] {
  const told = [`${marks[verdict]} ${says}`]
  if (verdict === 'ok') return told
  if (setting !== undefined) told.push(`         ${verdict === 'wrong' ? 'change' : 'see'}: ${setting}`)
  return [...told, `         ${code}, ${page}`]
}

const ofProblem = (code: 'config_invalid' | 'config_warning', it: ConfigProblem): Finding => {
  const line = it.line === undefined ? '' : `:${it.line}`
  return finding(code, { problem: it.problem, place: `${it.file}${line} ${it.path}: ${it.remedy}` })
}

/** 0 all is right, 1 something is wrong, 4 nothing is known to be wrong and not everything was shown to be right. */
function exitOf(found: readonly Finding[]): ExitCode {
  if (found.some(({ verdict }) => verdict === 'wrong')) return exit.failed
  return found.some(({ verdict }) => verdict === 'untried') ? exit.partly : exit.done
}

function conclusion(found: readonly Finding[]): readonly string[] {
  const wrong = found.filter(({ verdict }) => verdict === 'wrong')
  const untried = found.filter(({ verdict }) => verdict === 'untried').length
  const [first] = wrong
  if (first === undefined)
    return [untried === 0 ? 'Everything is as it should be.' : `Nothing is wrong; ${untried} not tried.`]
  const more = wrong.length === 1 ? '' : ` (the first of ${wrong.length})`
  return [`The setting to change${more}: ${first.setting ?? first.says}`]
}

/** Walks all that a configuration needs of the world, and names what has to be changed. */
export async function doctor(
  words: DoctorWords,
  load: () => Promise<Loaded>,
  output: Output,
): Promise<ExitCode> {
  const found: Finding[] = []
  const tell = (some: readonly Finding[]): void => {
    found.push(...some)
    if (!output.json) for (const one of some) for (const line of lines(one)) output.line(line)
  }
  let loaded: Loaded | undefined
  try {
    loaded = await load()
  } catch (error) {
    const problems = problemsOf(error)
    if (problems === undefined) throw error
    tell(problems.map((it) => ofProblem('config_invalid', it)))
  }
  if (loaded !== undefined) await look(words, loaded, { output, tell })
  if (output.json) output.line(JSON.stringify({ ok: exitOf(found) === exit.done, findings: found }))
  else for (const line of ['', ...conclusion(found)]) output.line(line)
  return exitOf(found)
}

async function look(
  words: DoctorWords,
  { config, tools, close }: Loaded,
  { output, tell }: { readonly output: Output; readonly tell: (found: readonly Finding[]) => void },
): Promise<void> {
  try {
    tell([
      finding('config_loads', { form: config.form, version: config.version }),
      ...config.warnings.map((it) => ofProblem('config_warning', it)),
    ])
    const learnt = { canaries: new Map(), credentials: new Map() }
    const steps = planOf({ config, tools, words, learnt })
    await walk(steps, {
      seconds: words.seconds,
      begun: (step) => output.progress(`… ${step}`),
      failed: (step, error) => [finding('step_failed', { step, error: asSallyportError(error).code })],
      told: tell,
    })
  } finally {
    await close()
  }
}
