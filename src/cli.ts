#!/usr/bin/env node
/** What a person starts. Loads the program after it was said where its compiled code is kept: half of the start. */
import { join } from 'node:path'
import { keepCompiledCode } from './code-cache.ts'

// The sources run as they are; only what was built keeps its code.
if (import.meta.filename.endsWith('.js')) keepCompiledCode(join(import.meta.dirname, 'cache'))
await import('./cli-program.ts')
