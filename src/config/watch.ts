import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { asSallyportError, type SallyportError } from '../model/index.ts'
import type { Config } from './config.ts'
import { type LoadOptions, loadConfig } from './load.ts'

export interface WatchEvents {
  /** Another configuration is valid now; called only where something differs from the one before. */
  changed(config: Config): void
  /** The file on disk is not valid or cannot be watched: what was in force stays so. */
  refused(error: SallyportError): void
}

/** Editors write in several steps; one reload is enough. */
const settleMs = 100

/**
 * Reload a configuration file when it changes. The folder is watched, since editors and Kubernetes replace the file
 * rather than write to it. Loads never overlap. The returned function ends it.
 */
export function watchConfig(
  path: string,
  options: LoadOptions & { readonly current: Config },
  events: WatchEvents,
): () => void {
  let current = options.current.digest
  let timer: NodeJS.Timeout | undefined
  let running = false
  let again = false
  let closed = false
  const reload = async (): Promise<void> => {
    if (running) {
      again = true
      return
    }
    running = true
    try {
      const config = await loadConfig(path, options)
      if (!closed && config.digest !== current) {
        current = config.digest
        events.changed(config)
      }
    } catch (error) {
      if (!closed) events.refused(asSallyportError(error))
    } finally {
      running = false
    }
    if (again && !closed) {
      again = false
      await reload()
    }
  }
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void reload(), settleMs)
    timer.unref()
  }
  const watcher: FSWatcher = watch(dirname(path), { persistent: false }, (_, name) => {
    // Kubernetes swaps the link `..data`, not the file itself.
    if (name === null || name === basename(path) || name === '..data') soon()
  })
  watcher.on('error', (error) => events.refused(asSallyportError(error)))
  return () => {
    closed = true
    clearTimeout(timer)
    watcher.close()
  }
}
