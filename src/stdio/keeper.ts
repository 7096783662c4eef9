import { spawn } from 'node:child_process'
import type { Log } from '../telemetry/index.ts'

/** Outlives this process, however it ends, for as long as it takes to end the children. */
export interface Keeper {
  /** The group of this process has to end with us; the returned function takes it out again. */
  keep(pid: number): () => void
  /** Ends what is still kept, and removes the folder. */
  close(): void
}

/** Reads `+ pid` and `- pid`; at the end of its input, which our death is too, it ends every group that is left. */
const script = `trap '' INT TERM HUP
pids=
while read -r verb pid; do
  case $verb in
    +) pids="$pids $pid" ;;
    -) left=; for one in $pids; do [ "$one" = "$pid" ] || left="$left $one"; done; pids=$left ;;
  esac
done
for one in $pids; do kill -s KILL -- "-$one" 2>/dev/null; done
rm -rf -- "$1"
`

/** A shell without a terminal and without our environment. Where there is none (an image without a shell), the log says so. */
export function openKeeper(folder: string, path: string, log: Log): Keeper {
  const shell = spawn('/bin/sh', ['-c', script, 'sallyport-keeper', folder], {
    detached: true,
    env: { PATH: path },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.unref()
  shell.once('error', (error) => {
    log.warn('stdio_keeper_missing', {}, error)
  })
  const { stdin } = shell
  stdin.on('error', () => undefined)
  return {
    keep: (pid) => {
      stdin.write(`+ ${pid}\n`)
      return () => void stdin.write(`- ${pid}\n`)
    },
    close: () => void stdin.end(),
  }
}
