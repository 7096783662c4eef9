/** docs/recipes.md, of which the tests run what stands there. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const text = readFileSync(fileURLToPath(new URL('../../docs/recipes.md', import.meta.url)), 'utf8')

/** The program of a recipe: the block whose first line names this file. Throws where there is none, or more than one. */
export function programNamed(file: string): string {
  const found = [...text.matchAll(/^```\w+ (\S+)\n([^]*?)^```$/gm)].filter(([, name]) => name === file)
  if (found.length !== 1) throw new Error(`docs/recipes.md has ${found.length} programs named ${file}`)
  return found[0]![2]!
}

/** Every program of the document, by its file. */
export const programs = [...text.matchAll(/^```\w+ (\S+)$/gm)].map(([, file]) => file!)

/** The configuration that all recipes are run with. */
export const configuration = /^```yaml\n([^]*?)^```$/m.exec(text)![1]!

/** Packages and versions of an installation that the document tells, such as `pip install a==1.0.0`. */
export function installed(command: string): readonly string[] {
  const lines = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block = '']) => block.split('\n'))
  return lines
    .filter((line) => line.startsWith(`${command} `))
    .flatMap((line) => line.slice(command.length + 1).split(' '))
}
