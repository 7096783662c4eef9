/** One at a time for each name in this process, in the order of asking. */
export type Turns = <T>(name: string, work: () => Promise<T>) => Promise<T>

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(work, work)
    last.set(name, turn)
    const done = (): void => {
      if (last.get(name) === turn) last.delete(name)
    }
    turn.then(done, done)
    return turn
  }
}
