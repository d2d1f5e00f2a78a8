import { mkdtempSync, rmSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach } from "vitest"
import type { Timers } from "@vouchsafe/ports"
import type { Logger } from "../src/logger.ts"

const cleanups: (() => unknown)[] = []

/** Runs after the test, last registered first, also when it failed. */
export function cleanup(run: () => unknown): void {
  cleanups.push(run)
}

afterEach(async () => {
  for (const run of cleanups.splice(0).reverse()) await run()
})

/** A folder of its own for one test. */
export function tempFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "vs-node-"))
  cleanup(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A logger that writes nothing. */
export const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly bytes: Buffer
}

export interface Ask {
  readonly method?: string
  readonly path?: string
  /** A list where the same name comes twice. */
  readonly headers?: Record<string, string> | readonly string[]
  readonly body?: string | Uint8Array
  readonly socketPath?: string
}

/** One request, its headers exactly as given. */
export function ask(base: string, options: Ask = {}): Promise<Reply> {
  const url = new URL(base)
  return new Promise((resolve, reject) => {
    const target = options.socketPath === undefined ? { host: url.hostname.replace(/[[\]]/g, ""), port: url.port } : { socketPath: options.socketPath }
    const headers = options.headers ?? {}
    const given = Array.isArray(headers) ? [...headers] as string[] : { host: url.host, ...headers }
    const request = httpRequest({ ...target, method: options.method ?? "GET", path: options.path ?? "/", headers: given, agent: false, setHost: false }, (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", reject)
      response.on("end", () => {
        const bytes = Buffer.concat(chunks)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString("utf8"), bytes })
      })
    })
    request.on("error", reject)
    request.end(options.body)
  })
}

/** Sends bytes as they are and reads until the other side closes. */
export function raw(port: number, text: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    const chunks: Buffer[] = []
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.on("error", reject)
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")))
  })
}

/** A clock and timers that only the test moves. */
export interface ManualTime {
  readonly clock: { nowMs(): number }
  readonly timers: Timers
  /** Moves time on, running what is due in order. */
  advance(ms: number): Promise<void>
  pending(): number
}

export function manualTime(startMs = 1_700_000_000_000): ManualTime {
  let nowMs = startMs
  const due = new Set<{ atMs: number; run: () => void }>()
  const settleTurns = async (): Promise<void> => {
    // Lets promise chains of any usual length come to rest.
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return {
    clock: { nowMs: () => nowMs },
    timers: {
      after(ms, run) {
        const timer = { atMs: nowMs + ms, run }
        due.add(timer)
        return () => due.delete(timer)
      },
    },
    async advance(ms) {
      const endMs = nowMs + ms
      await settleTurns()
      for (;;) {
        const [next] = [...due].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        due.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.run()
        await settleTurns()
      }
      nowMs = endMs
    },
    pending: () => due.size,
  }
}
