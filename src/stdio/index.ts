/**
 * Servers that speak MCP on standard input and output: a child process for each MCP session (2025-06-18, 2025-11-25), or for
 * each sallyport session (2026-07-28, which has no other), so that no two principals ever share one.
 *
 * `stdio.ts` is what the gateway has in place of a connection to an HTTP server: it chooses or starts the child. `child.ts` is one
 * child with all that is its own, `process.ts` its process, `conversation.ts` what is said, `answer.ts` how it becomes an answer of
 * Streamable HTTP. `door.ts` is the child's own way to the egress: a Unix socket that knows the calls of this child only.
 * `keeper.ts` ends the children of a sallyport that died without a word.
 *
 * A child is not trusted: what it writes is bounded, read strictly, and reaches the clients of its own session at most. Its
 * environment is made by `config` and holds no secret of ours. What never leaves: the call token, other than in the call's
 * `_meta` to the child that the call is for.
 */
export { findProgram } from './program.ts'
export { createStdio, type Stdio, type StdioDeps } from './stdio.ts'
