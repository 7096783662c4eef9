/**
 * The extension io.modelcontextprotocol/tasks: tools whose answer is a task, to be asked for later by `tasks/get`. The
 * SDK has no part for it, so that the methods are made here.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { askName, typed } from './asking.ts'
import { says, type Tool } from './content.ts'
import {
  type Context,
  fromJsonSchema,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  type Server,
} from './sdk.ts'

type Json = Readonly<Record<string, unknown>>

const extension = 'io.modelcontextprotocol/tasks'
export const taskCapability = { extensions: { [extension]: {} } }

interface Task {
  readonly taskId: string
  readonly createdAt: string
  lastUpdatedAt: string
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled'
  /** What belongs to the status: the result, the error, or what is still to be answered. */
  more: { readonly inputRequests?: Json; readonly result?: Json; readonly error?: Json }
  answer(responses: Json): void
}

/** Asks whoever has the task, and waits until everything is answered. */
type Ask = (inputRequests: Json) => Promise<Json>
type Work = (ask: Ask) => Promise<Json>

/** The work broke; of any other error the tool itself tells. */
class Broken extends Error {}

const tasks = new Map<string, Task>()
const now = () => new Date().toISOString()

function move(task: Task, status: Task['status'], more: Task['more'] = {}): void {
  if (!['working', 'input_required'].includes(task.status)) return
  Object.assign(task, { status, more, lastUpdatedAt: now() })
}

const asking =
  (task: Task): Ask =>
  (inputRequests) =>
    new Promise((resolve) => {
      const answers: Record<string, unknown> = {}
      task.answer = (responses) => {
        const known = Object.entries(responses).filter(([key]) => key in inputRequests)
        Object.assign(answers, Object.fromEntries(known))
        const open = Object.entries(inputRequests).filter(([key]) => !(key in answers))
        if (open.length > 0) {
          move(task, 'input_required', { inputRequests: Object.fromEntries(open) })
          return
        }
        move(task, 'working')
        resolve(answers)
      }
      task.answer({})
    })

/** The SDK takes no result of a tool without `content`. */
function start(work: Work): Json {
  const created = now()
  const task: Task = {
    taskId: randomUUID(),
    createdAt: created,
    lastUpdatedAt: created,
    status: 'working',
    more: {},
    answer: () => undefined,
  }
  tasks.set(task.taskId, task)
  work(asking(task)).then(
    (result) => move(task, 'completed', { result }),
    (error: unknown) =>
      error instanceof Broken
        ? move(task, 'failed', { error: { code: -32603, message: error.message } })
        : move(task, 'completed', { result: failure(error) }),
  )
  return { resultType: 'task', content: [], ...shown(task) }
}

/** What a tool that throws has answered. */
export const failure = (error: unknown): Json => ({
  ...says(error instanceof Error ? error.message : String(error)),
  isError: true,
})

const shown = ({ taskId, createdAt, lastUpdatedAt, status }: Task) => ({
  ...{ taskId, createdAt, lastUpdatedAt, status },
  ttlMs: 300_000,
  pollIntervalMs: 100,
})

const knowsTasks = ({ mcpReq }: Context): boolean => {
  const able = mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities']
  return able?.extensions?.[extension] !== undefined
}

function demandTasks(context: Context): void {
  if (!knowsTasks(context))
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: taskCapability })
}

interface Job extends Pick<Tool, 'name' | 'description' | 'schema'> {
  work(arguments_: any, ask: Ask): Promise<Json>
}

/** A tool that is a task or nothing. */
const always = ({ work, ...rest }: Job): Tool => ({
  ...rest,
  run: (arguments_, context) => {
    demandTasks(context)
    return start((ask) => work(arguments_, ask))
  },
})

/** A second of these tools: the suite counts what comes, and not how long it took. */
const second = 100
const after = (seconds: number) => pause(seconds * second, undefined, { ref: false })

const named = { type: 'object', properties: { name: { type: 'string' } } }
const confirm = (filename: unknown) =>
  inputRequired.elicit({
    message: `Delete ${String(filename)}?`,
    requestedSchema: { type: 'object', properties: { confirm: { type: 'boolean' } } },
  })

async function compute(seconds: number): Promise<Json> {
  await after(seconds)
  return says(`Computed for ${seconds} seconds.`)
}

export const taskTools: readonly Tool[] = [
  {
    name: 'greet',
    description: 'Greets at once: no task',
    schema: named,
    run: ({ name }) => says(`Hello, ${name}!`),
  },
  {
    name: 'slow_compute',
    description: 'Takes as long as it is told, as a task for whoever knows of tasks',
    schema: {
      type: 'object',
      properties: { seconds: { type: 'number' }, label: { type: 'string' } },
    },
    run: ({ seconds }, context) => (knowsTasks(context) ? start(() => compute(seconds)) : compute(seconds)),
  },
  always({
    name: 'failing_job',
    description: 'Fails after a while',
    work: async () => {
      await after(1)
      throw new Error('This job always fails.')
    },
  }),
  always({
    name: 'protocol_error_job',
    description: 'Breaks',
    work: async () => {
      throw new Broken('This job always breaks.')
    },
  }),
  always({
    name: 'confirm_delete',
    description: 'Asks before it goes on',
    schema: { type: 'object', properties: { filename: { type: 'string' } } },
    work: async ({ filename }, ask) => {
      await ask({ confirm: confirm(filename) })
      return says('Answered.')
    },
  }),
  always({
    name: 'multi_input',
    description: 'Asks two things at once',
    work: async (_, ask) => {
      await ask({ first: confirm('the first'), second: confirm('the second') })
      return says('Answered twice.')
    },
  }),
  {
    name: 'test_tool_with_task',
    description: 'Asks for a name, and greets in a task',
    run: (_, context) => {
      demandTasks(context)
      const name = typed(context, 'user_name', 'name')
      if (typeof name !== 'string') return inputRequired({ inputRequests: { user_name: askName } })
      return start(async () => says(`Hello, ${name}!`))
    },
  },
]

const anything = { params: fromJsonSchema({ type: 'object' }) }

export function serveTasks(server: Server): void {
  const handle = (method: string, use: (task: Task, context: Context) => Json) =>
    server.server.setRequestHandler(method, anything, (params: any, context: Context) => {
      demandTasks(context)
      const task = tasks.get(params.taskId)
      if (task === undefined) throw new ProtocolError(-32602, 'There is no such task.')
      return use(task, context)
    })
  handle('tasks/get', (task) => ({ ...shown(task), ...task.more }))
  handle('tasks/cancel', (task) => {
    move(task, 'cancelled')
    return {}
  })
  handle('tasks/update', (task, { mcpReq }) => {
    if (task.status === 'input_required') task.answer(mcpReq.inputResponses ?? {})
    return {}
  })
}
