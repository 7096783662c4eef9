import type { ServerResponse } from 'node:http'
import { isJsonObject } from '../model/index.ts'
import { capabilitiesOf } from './ask.ts'
import { forward } from './forward.ts'
import type { Inside } from './inside.ts'
import type { Message } from './message.ts'
import type { Passing } from './passing.ts'
import { answerRpc, missingCapability, unknownMethod, unknownTask } from './refusal.ts'
import { taskIn } from './tasks.ts'
import { isCallable } from './tool-call.ts'

type Request = Extract<Message, { kind: 'request' }>
type PassingMessage = Passing & { readonly message: Message }

const tasksExtension = 'io.modelcontextprotocol/tasks'
/** What the modern protocol has of tasks; the older one has others besides. */
const modernTasks = new Set(['tasks/get', 'tasks/update', 'tasks/cancel'])

/** What is no call. Tasks are asked for by whoever began them. */
export function forwardOther(passing: PassingMessage, res: ServerResponse, inside: Inside): void {
  const { message, era } = passing
  // It would begin a legacy session: a server that reads both ways is not asked.
  if (era === 'modern' && message.kind !== 'response' && message.method === 'initialize')
    answerRpc(res, 404, unknownMethod(message.kind === 'request' ? message.id : null))
  else if (message.kind !== 'request' || !message.method.startsWith('tasks/')) forward(passing, res, inside)
  else if (era === 'modern' && !modernTasks.has(message.method))
    answerRpc(res, 404, unknownMethod(message.id))
  else if (era === 'modern' && !knowsTasks(message))
    answerRpc(res, 400, missingCapability(message.id, { extensions: { [tasksExtension]: {} } }))
  else forwardTask(passing, message, { res, inside })
}

function knowsTasks(message: Request): boolean {
  const capabilities = capabilitiesOf(message)
  const extensions = isJsonObject(capabilities) ? capabilities['extensions'] : undefined
  return isJsonObject(extensions) && isJsonObject(extensions[tasksExtension])
}

/** While the tool of the task may be called, and for nobody else: otherwise there is no such task. */
function forwardTask(
  passing: PassingMessage,
  message: Request,
  { res, inside }: { readonly res: ServerResponse; readonly inside: Inside },
): void {
  const { access, fronted } = passing
  const server = fronted.server.name
  const id = message.params['taskId']
  const task = typeof id === 'string' ? inside.tasks.find(id, server, access) : undefined
  const may = task !== undefined && isCallable(task.tool, access, inside)
  if (id !== undefined && !may) {
    answerRpc(res, 200, unknownTask(message.id))
    return
  }
  const note = (told: unknown) => {
    const found = taskIn(told)
    if (found?.over === true) inside.tasks.ended(found.id, server)
  }
  forward(passing, res, inside, { note, then: () => undefined })
}
