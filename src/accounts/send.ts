import type { FastifyReply } from 'fastify'
import type { Page } from '../pages/index.ts'

export function send(reply: FastifyReply, { headers, html }: Page, status = 200): FastifyReply {
  return reply.status(status).headers(headers).send(html)
}
