/** Several processes with one secret store and one authorization server, told what to do one by one or all at once. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type FaultProxy, startFaultProxy } from '../../kit/fault-proxy.ts'
import { startStrictServer, type StrictServer } from '../../kit/strict-as.ts'
import type { FromMember, MemberPlan, Moment, Order, Told } from './orders.ts'

const program = fileURLToPath(new URL('./member.ts', import.meta.url))

export interface Member {
  /** Between it and its secret store; not where the store is a cluster. */
  readonly proxy: FaultProxy | undefined
  tell(order: Order): Promise<any>
  acquire(subject: string, times?: number): Promise<Told>
  /** Resolves when it has come to that moment of its next refresh, and waits there. */
  halt(at: Moment): Promise<{ readonly halted: Promise<void> }>
  isRunning(): boolean
  /** Ends it in good order. */
  close(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

export interface Team {
  readonly as: StrictServer
  readonly members: readonly Member[]
  /** The person signs in, or links an account. */
  grant(subject: string): Promise<void>
  /** A person with a kept grant whose access token and sign-in have ended, for everybody's clock. */
  expired(...subjects: string[]): Promise<void>
  /** Everybody at once, each so many times, added up. */
  storm(subject: string, each: number): Promise<Told>
  /** Moves the clocks of all, and of the authorization server. */
  advance(seconds: number): Promise<void>
  /** How far each member's clock is from the authorization server's, in seconds. */
  skew(...seconds: number[]): Promise<void>
  /** Starts those that were killed again. */
  revive(): Promise<void>
  stop(): Promise<void>
}

interface Running extends Member {
  readonly plan: MemberPlan
  readonly child: ChildProcess
}

async function startMember(plan: MemberPlan, proxy: FaultProxy | undefined): Promise<Running> {
  const child = fork(program, [JSON.stringify(plan)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const halts = new Map<Moment, () => void>()
  const ready = Promise.withResolvers<undefined>()
  let number = 0
  child.on('message', (message: FromMember) => {
    if (message.event === 'ready') ready.resolve(undefined)
    else if (message.event === 'halted') halts.get(message.at)?.()
    else if (message.event === 'done') waiting.get(message.order)?.resolve(message.result)
    else waiting.get(message.order)?.reject(new Error(message.why))
  })
  child.once('exit', (code, signal) => {
    const gone = new Error(`the member ended with ${code ?? signal}`)
    ready.reject(gone)
    for (const { promise, reject } of waiting.values()) {
      promise.catch(() => undefined)
      reject(gone)
    }
  })
  await ready.promise
  const tell = (order: Order): Promise<any> => {
    const told = Promise.withResolvers<unknown>()
    waiting.set((number += 1), told)
    child.send({ number, order })
    return told.promise
  }
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    plan,
    proxy,
    child,
    tell,
    acquire: (subject, times = 1) => tell({ do: 'acquire', subject, times }) as Promise<Told>,
    halt: async (at) => {
      const halted = new Promise<void>((resolve) => halts.set(at, resolve))
      await tell({ do: 'halt', at })
      return { halted }
    },
    isRunning,
    close: async () => {
      if (!isRunning()) return
      const gone = once(child, 'exit')
      await tell({ do: 'close' })
      child.disconnect()
      await gone
    },
    kill: async () => {
      if (!isRunning()) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

export function addUp(all: readonly Told[]): Told {
  const sum = { tokens: {} as Record<string, number>, codes: {} as Record<string, number> }
  for (const told of all) {
    for (const kind of ['tokens', 'codes'] as const) {
      for (const [name, count] of Object.entries(told[kind])) sum[kind][name] = (sum[kind][name] ?? 0) + count
    }
  }
  return sum
}

/** Where the members keep their grants: one address, with a proxy for each of them, or the nodes of a cluster without. */
export interface Store extends Pick<MemberPlan, 'tenant' | 'group' | 'mounts' | 'logins'> {
  readonly address?: string
  readonly nodes?: readonly string[]
}

export async function startTeam({ address, nodes = [], ...store }: Store, size = 3): Promise<Team> {
  const as = await startStrictServer()
  const root = await mkdtemp(join(tmpdir(), 'sallyport-team-'))
  const common = { ...store, issuer: as.issuer }
  const startOne = async (): Promise<Running> => {
    const proxy = address === undefined ? undefined : await startFaultProxy(address)
    const addresses = proxy === undefined ? nodes : [proxy.address]
    return startMember({ ...common, addresses, folder: await mkdtemp(join(root, 'member-')) }, proxy)
  }
  const members = await Promise.all(Array.from({ length: size }, startOne))
  const skews = members.map(() => 0)
  const setClocks = () =>
    Promise.all(
      members.map((member, index) => member.tell({ do: 'clock', ahead: as.ahead + (skews[index] ?? 0) })),
    )

  const team: Team = {
    as,
    members,
    async advance(seconds) {
      as.ahead += seconds
      await setClocks()
    },
    async skew(...seconds) {
      for (const index of skews.keys()) skews[index] = seconds[index] ?? 0
      await setClocks()
    },
    async grant(subject) {
      const [first, ...others] = members
      if (!subject.startsWith('linked')) {
        await first!.tell({ do: 'hand', subject, token: await as.subjectToken(subject) })
        return
      }
      await first!.tell({ do: 'link', subject, tokens: as.link(subject) })
      await Promise.all(others.map((member) => member.tell({ do: 'link', subject })))
    },
    async expired(...subjects) {
      const [first] = members
      const keep = async (subject: string) => {
        await team.grant(subject)
        const { codes } = await first!.acquire(subject)
        if (Object.keys(codes).length > 0) throw new Error(`no grant: ${JSON.stringify(codes)}`)
      }
      await Promise.all(subjects.map(keep))
      await team.advance(as.life + 100)
    },
    storm: async (subject, each) =>
      addUp(await Promise.all(members.map((member) => member.acquire(subject, each)))),
    async revive() {
      for (const [index, member] of members.entries()) {
        if (member.isRunning()) continue
        members[index] = await startMember(member.plan, member.proxy)
      }
      await setClocks()
    },
    async stop() {
      await Promise.all(members.map((member) => member.close()))
      await Promise.all(members.map(async ({ proxy }) => proxy?.close()))
      await as.close()
      await rm(root, { recursive: true, force: true })
    },
  }
  return team
}
