import { type Finding, finding } from './finding.ts'

/** One part of the walk. */
export interface Step {
  readonly name: string
  /** Names of steps that have to be right before this one means anything. */
  readonly needs: readonly string[]
  readonly run: () => Promise<readonly Finding[]>
}

/** Ends a step that takes too long: its own answer is not waited for any more. */
async function within(step: Step, seconds: number): Promise<readonly Finding[]> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<readonly Finding[]>((resolve) => {
    timer = setTimeout(
      () => resolve([finding('step_out_of_time', { step: step.name, seconds })]),
      seconds * 1000,
    )
  })
  try {
    return await Promise.race([step.run(), late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The steps in order. A step that needs one which went wrong is not taken: what it would find follows from that, and
 * one thing is to be mended at a time. One that throws has not looked, which is no finding about the world.
 */
export async function walk(
  steps: readonly Step[],
  terms: {
    readonly seconds: number
    readonly begun: (step: string) => void
    readonly told: (found: readonly Finding[]) => void
    readonly failed: (step: string, error: unknown) => readonly Finding[]
  },
): Promise<void> {
  const wrong = new Set<string>()
  for (const step of steps) {
    const needed = step.needs.find((name) => wrong.has(name))
    if (needed !== undefined) {
      wrong.add(step.name)
      terms.told([finding('step_skipped', { step: step.name, needed })])
      continue
    }
    terms.begun(step.name)
    const found = await within(step, terms.seconds).catch((error: unknown) => terms.failed(step.name, error))
    if (found.some(({ verdict }) => verdict === 'wrong')) wrong.add(step.name)
    terms.told(found)
  }
}
