/**
 * Tools that need something of the client first. They return what they need: to a client of 2026-07-28 that is the
 * answer, and it calls again; for one of an earlier revision the SDK makes a request to the client of it, on the
 * stream of the call, and calls the tool again itself.
 */
import { randomBytes } from 'node:crypto'
import { type Tool, says } from './content.ts'
import { acceptedContent, type Context, createRequestStateCodec, inputRequired } from './sdk.ts'

/** Signs what goes through the client's hands from one round to the next. */
export const rounds = createRequestStateCodec({ key: randomBytes(32) })

const object = (properties: Readonly<Record<string, unknown>>, required?: readonly string[]) => ({
  type: 'object',
  properties,
  ...(required === undefined ? {} : { required }),
})
const one = (name: string, type: string) => object({ [name]: { type } }, [name])

const ask = (message: string, requestedSchema: unknown) => inputRequired.elicit({ message, requestedSchema })
const sample = (prompt: string, maxTokens = 100) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
  })

const answerOf = ({ mcpReq }: Context, key: string): any => mcpReq.inputResponses?.[key]

/** What a person typed into the one field that was asked for, if that is what came. */
export function typed(context: Context, key: string, field: string): unknown {
  return acceptedContent(context.mcpReq.inputResponses, key)?.[field]
}

/** An elicitation whose answer, whatever it is, becomes the tool's. */
function reporting(name: string, description: string, properties: Readonly<Record<string, unknown>>): Tool {
  return {
    name,
    description,
    run: (_, context) => {
      const answer = answerOf(context, 'form')
      if (answer === undefined)
        return inputRequired({ inputRequests: { form: ask('Please fill in', object(properties)) } })
      const { action, content } = answer
      return says(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)
    },
  }
}

const titled = (...titles: string[]) => titles.map((title, at) => ({ const: `value${at + 1}`, title }))
const options = ['option1', 'option2', 'option3']

const older: Tool[] = [
  {
    name: 'test_sampling',
    description: 'Asks the model of the client',
    schema: one('prompt', 'string'),
    run: ({ prompt }, context) => {
      const answer = answerOf(context, 'model')
      if (answer === undefined) return inputRequired({ inputRequests: { model: sample(prompt) } })
      return says(`LLM response: ${answer.content?.text}`)
    },
  },
  {
    name: 'test_elicitation',
    description: 'Asks the person for a name and an address',
    schema: one('message', 'string'),
    run: ({ message }, context) => {
      const answer = answerOf(context, 'person')
      const username = { type: 'string', description: "User's response" }
      const email = { type: 'string', description: "User's email address" }
      const form = object({ username, email }, ['username', 'email'])
      if (answer === undefined) return inputRequired({ inputRequests: { person: ask(message, form) } })
      return says(`User response: action=${answer.action}, content=${JSON.stringify(answer.content)}`)
    },
  },
  reporting('test_elicitation_sep1034_defaults', 'Asks with a default for each kind of field', {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  }),
  reporting('test_elicitation_sep1330_enums', 'Asks to choose, in each way that there is', {
    untitledSingle: { type: 'string', enum: options },
    titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option', 'Third Option') },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
    titledMulti: {
      type: 'array',
      items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') },
    },
  }),
]

export const askName = ask('What is your name?', one('name', 'string'))

const single: Tool[] = [
  {
    name: 'test_input_required_result_elicitation',
    description: 'Needs a name',
    run: (_, context) => {
      const name = typed(context, 'user_name', 'name')
      if (typeof name !== 'string') return inputRequired({ inputRequests: { user_name: askName } })
      return says(`Hello, ${name}!`)
    },
  },
  {
    name: 'test_input_required_result_sampling',
    description: 'Needs an answer of the model',
    run: (_, context) => {
      const answer = answerOf(context, 'capital_question')
      if (typeof answer?.content?.text === 'string') return says(answer.content.text)
      return inputRequired({
        inputRequests: { capital_question: sample('What is the capital of France?') },
      })
    },
  },
  {
    name: 'test_input_required_result_list_roots',
    description: 'Needs the roots of the client',
    run: (_, context) => {
      const roots = answerOf(context, 'client_roots')?.roots
      if (Array.isArray(roots)) return says(`Roots: ${roots.map(({ uri }) => uri).join(', ')}`)
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
    },
  },
  {
    name: 'test_streaming_elicitation',
    description: 'Needs a name, and sends no request of its own for it',
    run: (_, context) => {
      const name = typed(context, 'user_name', 'name')
      if (typeof name === 'string') return says(`Hello, ${name}!`)
      return inputRequired({ inputRequests: { user_name: askName } })
    },
  },
  {
    name: 'test_missing_capability',
    description: 'Needs sampling, which not every client can',
    run: (_, context) => {
      if (answerOf(context, 'model') !== undefined) return says('The client can sample.')
      return inputRequired({ inputRequests: { model: sample('Can you?') } })
    },
  },
  {
    name: 'test_input_required_result_capabilities',
    description: 'Needs something that the client can, whatever that is',
    run: (_, context) => {
      if (context.mcpReq.inputResponses !== undefined) return says('Thank you.')
      const able = context.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {}
      const inputRequests = {
        ...(able['elicitation'] === undefined ? {} : { name: askName }),
        ...(able['sampling'] === undefined ? {} : { greeting: sample('Generate a greeting', 50) }),
        ...(able['roots'] === undefined ? {} : { roots: inputRequired.listRoots() }),
      }
      return Object.keys(inputRequests).length === 0
        ? says('There is nothing that you can.')
        : inputRequired({ inputRequests })
    },
  },
]

const askOk = ask('Please confirm', one('ok', 'boolean'))

/** Asks to confirm, and takes a yes only together with the state that it gave out. */
const confirming = (name: string, description: string): Tool => ({
  name,
  description,
  run: async (_, context) => {
    if (context.mcpReq.requestState() !== name || typed(context, 'confirm', 'ok') !== true)
      return inputRequired({ inputRequests: { confirm: askOk }, requestState: await rounds.mint(name) })
    return says('state-ok')
  },
})

const stateful: Tool[] = [
  confirming('test_input_required_result_request_state', 'Needs a yes, and its state back'),
  confirming('test_input_required_result_tampered_state', 'Needs a yes, and its state back unchanged'),
  {
    name: 'test_input_required_result_multiple_inputs',
    description: 'Needs three things at once',
    run: async (_, context) => {
      const { inputResponses = {} } = context.mcpReq
      const inputRequests = {
        user_name: askName,
        greeting: sample('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      }
      if (
        context.mcpReq.requestState() === 'three' &&
        Object.keys(inputRequests).every((key) => key in inputResponses)
      )
        return says(`Hello, ${String(typed(context, 'user_name', 'name'))}!`)
      return inputRequired({ inputRequests, requestState: await rounds.mint('three') })
    },
  },
  {
    name: 'test_input_required_result_multi_round',
    description: 'Needs a name, then a color',
    run: async (_, context) => {
      const state = context.mcpReq.requestState() as { readonly name: string } | 'first' | undefined
      const color = typed(context, 'step2', 'color')
      if (typeof state === 'object' && typeof color === 'string') return says(`${state.name} likes ${color}.`)
      const name = typeof state === 'object' ? state.name : typed(context, 'step1', 'name')
      if (state === undefined || typeof name !== 'string')
        return inputRequired({
          inputRequests: { step1: ask('Step 1: What is your name?', one('name', 'string')) },
          requestState: await rounds.mint('first'),
        })
      return inputRequired({
        inputRequests: { step2: ask('Step 2: What is your favorite color?', one('color', 'string')) },
        requestState: await rounds.mint({ name }),
      })
    },
  },
]

export const askingTools: readonly Tool[] = [...older, ...single, ...stateful]
