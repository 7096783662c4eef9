/** `sallyport tools …`: the definitions that tools are held to, asked of the running instance. */
import type { Command } from 'commander'
import { type CommonOptions, dataOf, outputOf, verb, withCommon } from './cli-common.ts'
import { acceptTool, findInstance, listTools } from './console/index.ts'

export function addToolVerbs(program: Command): void {
  const tools = program.command('tools').description('the definitions that tools are held to')
  withCommon(tools.command('list').description('every tool, and whether its server has changed it'))
    .option('--server <name>')
    .action(
      verb(async (options: CommonOptions & { server?: string }) =>
        listTools(
          options.server === undefined ? {} : { server: options.server },
          findInstance(await dataOf(options)),
          outputOf(options),
        ),
      ),
    )
  withCommon(
    tools
      .command('accept <server> <tool> <digest>')
      .description('hold a tool to the definition that was looked at, as `tools list` shows it'),
  ).action(
    verb(async (server: string, tool: string, digest: string, options: CommonOptions) =>
      acceptTool({ server, tool, digest }, findInstance(await dataOf(options)), outputOf(options)),
    ),
  )
}
