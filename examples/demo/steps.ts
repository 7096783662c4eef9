/** Runs the demo's steps one after another, tells each with its time, and remembers them for `--json`. */
export interface Step {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly detail: string
}

export interface Steps {
  readonly done: readonly Step[]
  /** Runs one step; its text says what was seen. A step that throws fails the demo there. */
  run(name: string, work: () => Promise<string>): Promise<void>
}

export function createSteps(write: (text: string) => void, colour: boolean): Steps {
  const done: Step[] = []
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const tell = (step: Step) => {
    done.push(step)
    const mark = step.ok ? paint(32, '✓') : paint(31, '✗')
    write(`${mark} ${step.name} ${paint(90, `${step.ms} ms`)}\n    ${step.detail}\n`)
  }
  return {
    done,
    run: async (name, work) => {
      const startedAt = performance.now()
      const ms = () => Math.round(performance.now() - startedAt)
      try {
        const detail = await work()
        tell({ name, ok: true, ms: ms(), detail })
      } catch (error) {
        tell({ name, ok: false, ms: ms(), detail: error instanceof Error ? error.message : String(error) })
        throw error
      }
    },
  }
}

/** What a step must see, or it fails. */
export function must(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise)
}
