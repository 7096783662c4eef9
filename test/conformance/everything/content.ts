/** Tools that answer at once, or tell meanwhile how far they are. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Context } from './sdk.ts'

export interface Tool {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments; without one there are none. */
  readonly schema?: Readonly<Record<string, unknown>>
  run(
    arguments_: any,
    context: Context,
  ): Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>
}

export const text = (line: string) => ({ type: 'text', text: line })
export const says = (line: string) => ({ content: [text(line)] })

/** One pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
/** A header, and no sample behind it. */
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

export const image = { type: 'image', data: png, mimeType: 'image/png' }
export const pixel = { mimeType: 'image/png', blob: png }

/** The schema that the suite looks for word by word: nothing of it may be lost on the way to a client. */
const schema2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}

const content: Tool[] = [
  {
    // The first of the list is also the one that the suite calls without arguments to try headers.
    name: 'test_simple_text',
    description: 'Answers with a text',
    run: () => says('This is a simple text response for testing.'),
  },
  {
    name: 'test_image_content',
    description: 'Answers with an image',
    run: () => ({ content: [image] }),
  },
  {
    name: 'test_audio_content',
    description: 'Answers with a sound',
    run: () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }),
  },
  {
    name: 'test_embedded_resource',
    description: 'Answers with a resource',
    run: () => ({
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    }),
  },
  {
    name: 'test_multiple_content_types',
    description: 'Answers with a text, an image and a resource',
    run: () => ({
      content: [
        text('Multiple content types test:'),
        image,
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: '{"test":"data","value":123}',
          },
        },
      ],
    }),
  },
  {
    name: 'test_error_handling',
    description: 'Fails',
    run: () => {
      throw new Error('This tool intentionally returns an error for testing')
    },
  },
]

const telling: Tool[] = [
  {
    name: 'test_tool_with_logging',
    description: 'Logs three lines on the way',
    run: async (_, { mcpReq }) => {
      await mcpReq.log('info', 'Tool execution started')
      await pause(50)
      await mcpReq.log('info', 'Tool processing data')
      await pause(50)
      await mcpReq.log('info', 'Tool execution completed')
      return says('Logged three lines.')
    },
  },
  {
    name: 'test_logging_tool',
    description: 'Logs a line, for whoever asked for lines',
    run: async (_, { mcpReq }) => {
      await mcpReq.log('info', 'A line that is for those who asked for it')
      return says('Logged a line.')
    },
  },
  {
    name: 'test_tool_with_progress',
    description: 'Tells three times how far it is',
    run: async (_, { mcpReq }) => {
      const { progressToken } = mcpReq._meta ?? {}
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await pause(50)
        if (progressToken === undefined) continue
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress, total: 100 },
        })
      }
      return says('Told three times.')
    },
  },
  {
    name: 'test_reconnection',
    description: 'Ends the stream before the answer, which the client fetches by coming back',
    run: async (_, { http }) => {
      http?.closeSSE?.()
      await pause(100)
      return says('Fetched by coming back.')
    },
  },
]

const schemas: Tool[] = [
  {
    name: 'json_schema_2020_12_tool',
    description: 'Has a schema with many words of JSON Schema 2020-12',
    schema: schema2020,
    run: () => says('Valid.'),
  },
  {
    name: 'test_header_parameter',
    description: 'Has an argument that the client repeats in a header',
    schema: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
    },
    run: ({ region }) => says(`Region: ${region ?? 'none'}`),
  },
]

export const contentTools: readonly Tool[] = [...content, ...telling, ...schemas]
