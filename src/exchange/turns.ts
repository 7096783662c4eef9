/** One at a time for each connection of this process, in the order of asking. */
export type Turns = <T>(connection: string, work: () => Promise<T>) => Promise<T>

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return (connection, work) => {
    const turn = (last.get(connection) ?? Promise.resolve()).then(work, work)
    last.set(connection, turn)
    const done = (): void => {
      if (last.get(connection) === turn) last.delete(connection)
    }
    turn.then(done, done)
    return turn
  }
}
