/** Prompts and resources. */
import { image, pixel, text } from './content.ts'
import { typed } from './asking.ts'
import { type Context, fromJsonSchema, inputRequired, type Server, ResourceTemplate } from './sdk.ts'

const user = (content: unknown) => ({ role: 'user', content })

function strings(descriptions: Readonly<Record<string, string>>): unknown {
  const properties = Object.entries(descriptions).map(([name, description]) => [
    name,
    { type: 'string', description },
  ])
  return fromJsonSchema({
    type: 'object',
    properties: Object.fromEntries(properties),
    required: Object.keys(descriptions),
  })
}

export function registerPrompts(server: Server): void {
  server.registerPrompt('test_simple_prompt', { description: 'A text' }, () => ({
    messages: [user(text('This is a simple prompt for testing.'))],
  }))
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'A text with two arguments in it',
      argsSchema: strings({ arg1: 'First test argument', arg2: 'Second test argument' }),
    },
    ({ arg1, arg2 }: any) => ({
      messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
    }),
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    {
      description: 'A resource and what to do with it',
      argsSchema: strings({ resourceUri: 'URI of the resource to embed' }),
    },
    ({ resourceUri: uri }: any) => {
      const resource = { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' }
      const please = text('Please process the embedded resource above.')
      return { messages: [user({ type: 'resource', resource }), user(please)] }
    },
  )
  server.registerPrompt('test_prompt_with_image', { description: 'An image and what to do with it' }, () => ({
    messages: [user(image), user(text('Please analyze the image above.'))],
  }))
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'A text that the person has to give first' },
    (context: Context) => {
      const given = typed(context, 'user_context', 'context')
      if (typeof given === 'string') return { messages: [user(text(`Context: ${given}`))] }
      const requestedSchema = {
        type: 'object',
        properties: { context: { type: 'string' } },
        required: ['context'],
      }
      const message = 'What context should the prompt use?'
      return inputRequired({
        inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema }) },
      })
    },
  )
}

/** What comes after what was typed so far. */
export function complete(request: any): {
  completion: { values: string[]; total: number; hasMore: boolean }
} {
  const { value } = request.params.argument as { readonly value: string }
  const values = ['test', 'testing', 'tested'].filter((word) => word.startsWith(value))
  return { completion: { values, total: values.length, hasMore: false } }
}

export function registerResources(server: Server): void {
  const staticText = { mimeType: 'text/plain', text: 'This is the content of the static text resource.' }
  const resources = {
    'test://static-text': { ...staticText, description: 'A text' },
    'test://static-binary': { ...pixel, description: 'An image' },
    'test://watched-resource': {
      mimeType: 'text/plain',
      text: 'Watched.',
      description: 'A text to subscribe to',
    },
  }
  for (const [uri, { description, ...content }] of Object.entries(resources)) {
    const name = uri.replace('test://', '')
    server.registerResource(name, uri, { description, mimeType: content.mimeType }, () => ({
      contents: [{ uri, ...content }],
    }))
  }
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'What the URI says', mimeType: 'application/json' },
    ({ href: uri }, { id }) => {
      const data = { id, templateTest: true, data: `Data for ID: ${id}` }
      return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(data) }] }
    },
  )
}
