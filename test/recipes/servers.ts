/** Each recipe as a process of its own: the program of docs/recipes.md, with what its SDK needs. */

import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from '../kit/folder.ts'
import { startDaemon, untilReady } from '../kit/parts/process.ts'
import type { Recipes } from '../kit/parts/recipes.ts'
import { programNamed } from './document.ts'

/** Starts the program of this file and waits until it listens. Gives its address, without a path. */
export async function startServer(
  file: string,
  env: Readonly<Record<string, string>>,
  needs: Recipes,
): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, file), programNamed(file))
  const { program, args, ...more } = commandFor(folder, file, needs)
  const port = await portOfOurs()
  const daemon = await startDaemon({
    program,
    args,
    logFile: join(folder, 'log'),
    env: { ...more.env, ...env, PORT: String(port) },
  })
  onTestFinished(() => daemon.stop())
  await untilReady(file, daemon, () => listens(port), 30)
  return `http://127.0.0.1:${port}`
}

/**
 * A free port below those that the system gives out by itself: a program takes its time until it listens, and meanwhile
 * nobody else is to get it.
 */
async function portOfOurs(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const free = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!free) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

function commandFor(folder: string, file: string, { node, python, go }: Recipes): Command {
  const path = join(folder, file)
  if (file.endsWith('.go')) return { program: join(go, file.replace(/\.go$/, '')), args: [] }
  if (file.endsWith('.py'))
    return { program: python.program, args: [path], env: { PYTHONPATH: python.libraries, HOME: folder } }
  symlinkSync(join(node, 'node_modules'), join(folder, 'node_modules'))
  return { program: process.execPath, args: [path] }
}
