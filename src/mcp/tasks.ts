import type { Access } from '../model/index.ts'
import { makesWay, ownerOf } from './sessions.ts'

/** A call that went on as a task after its answer (MCP tasks). Its id names it and proves nothing. */
export interface Task {
  readonly tool: string
  /** Ends the call that the task goes on with. */
  readonly close: () => void
}

/** Whose tasks are whose: for everybody but the principal and client that began it, a task does not exist. */
export interface Tasks {
  begin(id: string, server: string, access: Access, task: Task): void
  find(id: string, server: string, access: Access): Task | undefined
  /** It needs no credential any more. It can still be asked for. */
  ended(id: string, server: string): void
}

export function createTasks(): Tasks {
  const known = new Map<string, { readonly owner: string; readonly task: Task }>()
  const keyOf = (id: string, server: string) => `${server} ${id}`
  return {
    begin(id, server, access, task) {
      const key = keyOf(id, server)
      // A server that names one task twice does not get the former one's owner changed.
      if (known.has(key)) {
        task.close()
        return
      }
      const owner = ownerOf(access)
      known.set(key, { owner, task })
      const leaving = makesWay(known, owner)
      if (leaving === undefined) return
      known.get(leaving)?.task.close()
      known.delete(leaving)
    },
    find(id, server, access) {
      const found = known.get(keyOf(id, server))
      return found?.owner === ownerOf(access) ? found.task : undefined
    },
    ended: (id, server) => known.get(keyOf(id, server))?.task.close(),
  }
}

/** What an answer says of a task: the modern form has its members in the result, the older one under `task`. */
export function taskIn(message: unknown): { readonly id: string; readonly over: boolean } | undefined {
  const result = memberOf(message, 'result')
  const task = memberOf(result, 'task') ?? result
  const id = memberOf(task, 'taskId')
  const status = memberOf(task, 'status')
  return typeof id === 'string' ? { id, over: terminal.has(status) } : undefined
}

const terminal = new Set<unknown>(['completed', 'failed', 'cancelled'])

/** The answer to `tasks/list` with those that are the caller's. */
export function withOwnTasks(message: unknown, own: (id: string) => boolean): object | undefined {
  const result = memberOf(message, 'result')
  const tasks = memberOf(result, 'tasks')
  if (!Array.isArray(tasks) || typeof message !== 'object' || typeof result !== 'object') return undefined
  const shown = tasks.filter((task) => {
    const id = memberOf(task, 'taskId')
    return typeof id === 'string' && own(id)
  })
  return { ...message, result: { ...result, tasks: shown } }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return (value as Record<string, unknown>)[name]
}
