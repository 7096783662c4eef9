/** The listeners of one process: egress with the token face behind it, gateway, public, admin, telemetry (design §3). */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { runFiles } from './console/index.ts'
import { isForward, isLoopbackHost } from './egress/index.ts'
import { mountTokenFace } from './identity/index.ts'
import { mountOperator } from './admin-face.ts'
import { isPublicPath, mountPublic, servesOrigin } from './public-face.ts'
import { createProbes, mountProbes, type Probes } from './probes.ts'
import { writeDurably } from './storage/index.ts'
import { createFace, type Face, type FaceOptions, hostJudge, type Listening, listen } from './http.ts'
import { clock, type Instance, random } from './wire.ts'

export interface Faces {
  readonly egress: Listening
  /** Undefined where no server has a `url`. */
  readonly gateway: Listening | undefined
  /** Undefined where nobody can sign in. */
  readonly public: Listening | undefined
  readonly admin: Listening
  readonly telemetry: Listening
  /** Take no new connection; what is open goes on. */
  close(): Promise<void>
}

const requestId = (): string => Buffer.from(random(12)).toString('base64url')

/** @throws config_invalid for an address that cannot be had; then nothing listens */
export async function openFaces(instance: Instance): Promise<Faces> {
  const { listen: at, data } = instance.config
  const probes = createProbes({ clock, random })
  const faces = {
    egress: egressFace(instance),
    gateway: gatewayFace(instance, probes),
    public: publicFace(instance, probes),
    telemetry: telemetryFace(instance),
    admin: adminFace(instance, probes),
  }
  const close = async () => {
    await Promise.all(Object.values(faces).map((each) => each.close()))
  }
  try {
    // The egress first, and what answers there besides the injected requests when all of them listen.
    const egress = await faces.egress.listen(at.egress)
    instance.egressHosts.push(...egress.hosts, new URL(instance.config.url).host)
    const fronts = instance.config.servers.some((it) => (it.url ?? it.stdio) !== undefined)
    const gateway = fronts ? await faces.gateway.listen(at.gateway) : undefined
    instance.gatewayHosts.push(...(gateway?.hosts ?? []), new URL(instance.config.url).host)
    // A forwarded port is another one at the client; what keeps rebound names out is that these are none.
    if (isLoopbackHost(at.gateway.host)) instance.gatewayHosts.push('127.0.0.1', 'localhost', '[::1]')
    const pages = instance.signIn === undefined ? undefined : await faces.public.listen(at.public)
    const telemetry = await faces.telemetry.listen(at.telemetry)
    const admin = await faces.admin.listen(at.admin)
    writeDurably(join(data, 'run', runFiles.endpoint), JSON.stringify({ url: admin.url, pid: process.pid }))
    await faces.egress.open()
    return { egress, gateway, public: pages, telemetry, admin, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface NamedFace extends Pick<Face, 'open' | 'close'> {
  listen(address: { host: string; port: number; socket?: string }): Promise<Listening>
}

/** A face whose names for `Host` are known once it listens. */
function face(
  instance: Instance,
  options: Omit<FaceOptions, 'namesUs'> & { readonly forPeople?: true },
): NamedFace {
  let judge: (host: string) => boolean = () => false
  const made = createFace({ ...options, namesUs: (host) => judge(host) }, { log: instance.log, requestId })
  return {
    ...made,
    listen: async (address) => {
      const listening = await listen(made.server, options.name, address)
      const names = [...listening.hosts, new URL(instance.config.url).host]
      const named = hostJudge(names, listening.everyAddress)
      // A forwarded port is another one at the browser; what keeps rebound names out is that these are none.
      const forwarded = options.forPeople === true && isLoopbackHost(address.host)
      judge = (host) => named(host) || (forwarded && isLoopbackHost(host.replace(/:\d+$/, '')))
      return listening
    },
  }
}

function egressFace(instance: Instance): NamedFace {
  const { identity, egress, config } = instance
  // Metadata names the endpoints where they are: at this listener, whose port may be known only once it listens.
  let address = config.url
  const it = face(instance, {
    name: 'egress',
    reader: 'caller',
    first: (request, response) => {
      const mine = request.url?.startsWith('/downstream') === true || isForward(request.url)
      if (mine) egress.handle(request, response)
      return mine
    },
    connect: egress.connect,
    mount: (app) =>
      mountTokenFace(
        app,
        { issuer: identity.issuer, address: () => address },
        { ...identity, log: instance.log },
      ),
  })
  return {
    ...it,
    listen: async (at) => {
      const listening = await it.listen(at)
      if (listening.url.startsWith('http')) address = listening.url
      return listening
    },
  }
}

function gatewayFace(instance: Instance, probes: Probes): NamedFace {
  const { signIn } = instance
  const first: FaceOptions['first'] = (request, response) => {
    if (probes.take(request, response)) return true
    if (signIn !== undefined && isPublicPath(request.url ?? '')) return false
    instance.gateway.handle(request, response)
    return true
  }
  return face(instance, { ...publicOptions(instance), name: 'gateway', first })
}

/** Sign-in and the pages for people. The gateway answers the same, so that one public origin is enough. */
function publicFace(instance: Instance, probes: Probes): NamedFace {
  return face(instance, { ...publicOptions(instance), name: 'public', first: probes.take })
}

const publicOptions = (instance: Instance) => ({
  reader: 'caller' as const,
  forPeople: true as const,
  servesOrigin: servesOrigin(instance),
  mount: (app: FastifyInstance) => mountPublic(app, instance),
})

function adminFace(instance: Instance, probes: Probes): NamedFace {
  return face(instance, {
    name: 'admin',
    reader: 'operator',
    mount: (app) => {
      mountOperator(app, instance, { requestId })
      mountProbes(app, probes)
    },
  })
}

function telemetryFace(instance: Instance): NamedFace {
  return face(instance, {
    name: 'telemetry',
    reader: 'operator',
    mount: (app) => mountTelemetry(app, instance),
  })
}

/** Without schemas: what they compile to would be the largest part of a probe's first answer. */
function mountTelemetry(app: FastifyInstance, instance: Instance): void {
  app.get('/livez', async () => ({ live: true }))
  app.get('/startupz', async (_request, reply) => {
    const report = instance.health.report()
    return reply.status(report.started ? 200 : 503).send(report)
  })
  app.get('/readyz', async (_request, reply) => {
    const report = instance.health.report()
    return reply.status(report.ready ? 200 : 503).send(report)
  })
  app.get('/metrics', async (_request, reply) => {
    instance.metrics.live.set(instance.replica.live.size)
    return reply.type(instance.metrics.contentType).send(await instance.metrics.text())
  })
}
