import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

/** Where the program of a command is, as a shell finds it; undefined where there is none that may be run. */
export function findProgram(name: string, path: string): string | undefined {
  if (name === '') return undefined
  if (isAbsolute(name) || name.includes('/')) return mayRun(resolve(name)) ? resolve(name) : undefined
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(mayRun)
}

function mayRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
