/** What is no call of a tool and may still be given operations, by an entry among the tools: `method:resources/read`. */
export const ruledMethods = [
  'completion/complete',
  'prompts/get',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/templates/list',
  'tools/list',
] as const

const prefix = 'method:'

export const methodName = (method: string): string => `${prefix}${method}`

/** No tool has such a name: clients and servers that say one mean no method by it. */
export const isMethodName = (name: string): boolean => name.startsWith(prefix)
