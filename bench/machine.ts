import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import type { Tools } from './install.ts'

export interface Machine {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly kernel: string
  readonly versions: Readonly<Record<string, string>>
}

const versionIn = (program: string, ...args: string[]): string => {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown'
}

/** What a figure depends on besides the code. */
export function machine(tools: Tools): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    versions: {
      Node: process.versions.node,
      nginx: versionIn(tools.nginx, '-v'),
      HAProxy: versionIn(tools.haproxy, '-v'),
      Envoy: versionIn(tools.envoy, '--version'),
      'OpenBao Proxy': versionIn(tools.bao, 'version'),
      wrk: versionIn(tools.wrk, '-v'),
    },
  }
}
