/**
 * The two listeners: the public one, and the admin socket.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { listenAdmin } from "./admin/socket.ts"
import { ADMIN } from "./evidence/budget.ts"
import { refusal } from "./http/answer.ts"
import { type GuardOptions, ownHosts } from "./http/guard.ts"
import type { Router } from "./http/router.ts"
import { createGuardedServer, type ServerOptions } from "./http/server.ts"
import { ADMIN_CONNECTIONS_MAX, CONNECTIONS_MAX, DRAIN_MS, DRAIN_SWEEP_MS } from "./limits.ts"
import type { Logger } from "./logger.ts"

/** What the listeners serve once the node is ready. */
export interface Serving {
  readonly publicUrl: string
  readonly publicRouter: Router
  readonly adminRouter: Router
  readonly logger: Logger
  readonly onAnswer: ServerOptions["onAnswer"]
}

/** Bound listeners. Until {@link Listeners.serve} they answer 503 to everything. */
export interface Listeners {
  /** Where the public one is bound: `http://HOST:PORT/`. */
  readonly url: string
  serve(serving: Serving): void
  /** Until then says this instead of that the node is starting. */
  standBy(why: string): void
  /** Accepts nothing more and waits for the requests in work, but not for ever. */
  drain(): Promise<void>
  /** Ends whatever is left. */
  close(): void
}

const STARTING: Router = () => refusal("BUSY", "the node is starting", "ask again in a second", { "retry-after": "1" })
const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** Binds both. @throws VouchsafeError UNREACHABLE when the address is taken or not this machine's, CONFIG_MALFORMED. */
export async function openListeners(listen: { readonly host: string; readonly port: number }, adminSocket: string): Promise<Listeners> {
  let serving: Serving | undefined
  let waiting = STARTING
  let isOwnHost: GuardOptions["isOwnHost"] = () => true
  const logger: Logger = {
    debug: (facts, message) => (serving?.logger ?? SILENT).debug(facts, message),
    info: (facts, message) => (serving?.logger ?? SILENT).info(facts, message),
    warn: (facts, message) => (serving?.logger ?? SILENT).warn(facts, message),
    error: (facts, message) => (serving?.logger ?? SILENT).error(facts, message),
  }
  const onAnswer: ServerOptions["onAnswer"] = (route, status, seconds) => serving?.onAnswer(route, status, seconds)
  const server = createGuardedServer({
    isOwnHost: (host, request) => isOwnHost(host, request), connectionsMax: CONNECTIONS_MAX, logger, onAnswer,
    router: (method, path) => (serving?.publicRouter ?? waiting)(method, path),
  })
  // A page cannot open a Unix socket, so nothing can be rebound to it: any Host will do.
  const admin = createGuardedServer({
    isOwnHost: () => true, connectionsMax: ADMIN_CONNECTIONS_MAX, logger, onAnswer, from: ADMIN,
    router: (method, path) => (serving?.adminRouter ?? waiting)(method, path),
  })
  const close = (): void => {
    for (const each of [server, admin]) {
      each.close()
      each.closeAllConnections()
    }
  }
  try {
    await bind(server, listen)
    await listenAdmin(admin, adminSocket)
  } catch (error) {
    close()
    throw error
  }
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${port}/`,
    serve(given) {
      isOwnHost = ownHosts(given.publicUrl)
      serving = given
    },
    standBy(why) {
      waiting = () => refusal("BUSY", `the node stands by: ${why}`, "ask the one that acts", { "retry-after": "1" })
    },
    drain: async () => {
      await Promise.all([drainOne(server), drainOne(admin)])
    },
    close,
  }
}

function bind(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (cause: NodeJS.ErrnoException): void => reject(new VouchsafeError("UNREACHABLE", `cannot listen on ${host}:${port} (${cause.code ?? "unknown"})`, {
      hint: cause.code === "EADDRINUSE" ? "another program, perhaps another node, has this port; choose one with --listen" : undefined, cause,
    }))
    server.once("error", refused)
    server.listen(port, host, () => {
      server.removeListener("error", refused)
      resolve()
    })
  })
}

function drainOne(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
    // A connection that was busy when the server closed is kept open for a next request that will not be answered.
    const sweep = setInterval(() => server.closeIdleConnections(), DRAIN_SWEEP_MS)
    server.close(() => {
      clearTimeout(giveUp)
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}
