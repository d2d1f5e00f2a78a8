/**
 * `/v1/admin/…`: what of the admin socket a signature or a token opens on the public listener (spec/admin.md, [A1]).
 *
 * @packageDocumentation
 */
import { ADMIN } from "../evidence/budget.ts"
import { type Answer, refusal } from "../http/answer.ts"
import type { Exchange, Route } from "../http/router.ts"
import type { Logger } from "../logger.ts"
import type { AdminGate } from "./gate.ts"

/** What may be asked from elsewhere. Nothing that writes files where it is told, or that speaks for the machine. */
const REMOTE: ReadonlySet<string> = new Set(["withdraw", "reverse", "recheck", "pin", "unpin", "budgets"])
const PREFIX = "/v1/admin/"

/**
 * @param routes - those of the admin socket
 * @returns the route, for both listeners: on the admin socket nothing has to be shown
 */
export function remoteAdminRoute(gate: AdminGate, routes: readonly Route[], logger: Logger): Route {
  const served = new Map(routes.map((route) => [route.path, route]))
  const perform = async (exchange: Exchange): Promise<Answer> => {
    const name = exchange.path.slice(PREFIX.length)
    const route = served.get(`/v1/${name}`)
    if (route === undefined) return refusal("NOT_FOUND", "this node has no such admin request", "those of a node are in spec/admin.md")
    if (!REMOTE.has(name)) return refusal("NOT_ALLOWED", "this is asked on the admin socket only", "ask on the machine that the node runs on")
    if (route.post === undefined || exchange.request.method !== "POST") return refusal("METHOD_NOT_ALLOWED", "admin requests are POST", undefined, { allow: "POST" })
    return await route.post(exchange)
  }
  const handler = async (exchange: Exchange): Promise<Answer> => {
    if (exchange.from === ADMIN) return await perform(exchange)
    const admitted = await gate.admit(exchange)
    if ("status" in admitted) return admitted
    const { from, path } = exchange
    try {
      const answer = await perform(exchange)
      logger.info({ from, path, by: admitted.by, status: answer.status }, "an admin request was answered")
      return answer
    } catch (error) {
      logger.info({ from, path, by: admitted.by }, "an admin request failed")
      throw error
    }
  }
  return { path: PREFIX, get: handler, post: handler }
}
