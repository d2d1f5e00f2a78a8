import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { stat } from "node:fs/promises"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { request as httpRequest } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach } from "vitest"
import { VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport, PeerFault, PeerTransport, Timers } from "@vouchsafe/ports"
import { CHUNK_BYTES, type ChunkList, type ChunkSource, formatChunkList, hashArtifact } from "../src/index.ts"

const cleanups: (() => unknown)[] = []

/** Runs after the test, last registered first, also when it failed. */
export function cleanup(run: () => unknown): void {
  cleanups.push(run)
}

afterEach(async () => {
  for (const run of cleanups.splice(0).reverse()) await run()
})

export function tempFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "vs-artifacts-"))
  cleanup(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(size: number, seed = "seed"): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < size; at += 64) parts.push(createHash("sha512").update(`${seed} ${at}`).digest())
  return Buffer.concat(parts).subarray(0, size)
}

export const sha512 = (bytes: Uint8Array): string => createHash("sha512").update(bytes).digest("hex")
export const randomDigest = (): string => randomBytes(64).toString("hex")

export function listOf(bytes: Uint8Array): ChunkList {
  const hash = hashArtifact()
  hash.update(bytes)
  return hash.finish().list
}

/** What one node of a test does. */
export interface Manners {
  /** Bytes that it says it has under the digest; undefined: it has it not. */
  readonly bytes: Buffer | undefined
  /** Bytes that it sends, where they are others. */
  readonly sends?: Buffer
  /** Answers this many chunks, then cuts every connection half-way. */
  readonly cutAfter?: number
  /** Answers nothing to requests for chunks. */
  readonly isSilent?: boolean
  readonly status?: number
  readonly list?: string
}

export interface FakeNode {
  readonly url: string
  readonly asked: string[]
  readonly server: Server
}

/** A node over real HTTP that behaves as it is told. */
export async function fakeNode(digest: string, manners: Manners): Promise<FakeNode> {
  const asked: string[] = []
  let sent = 0
  const server = createServer((request, response) => {
    asked.push(`${request.url ?? ""} ${request.headers.range ?? ""}`.trim())
    if (manners.status !== undefined) response.writeHead(manners.status).end()
    else if (manners.bytes === undefined || !request.url?.startsWith(`/v1/artifact/${digest}`)) response.writeHead(404).end()
    else if (request.url.endsWith("/chunks")) response.writeHead(200).end(manners.list ?? formatChunkList(digest, listOf(manners.bytes)))
    else if (manners.isSilent !== true) sent += sendRange(request, response, manners.sends ?? manners.bytes, manners.cutAfter !== undefined && sent >= manners.cutAfter)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanup(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, server }
}

function sendRange(request: IncomingMessage, response: ServerResponse, bytes: Buffer, isCut: boolean): number {
  const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []
  const part = bytes.subarray(Number(from), Number(to) + 1)
  response.writeHead(206, { "content-length": part.length, "content-range": `bytes ${from}-${to}/${bytes.length}` })
  if (!isCut) {
    response.end(part)
    return 1
  }
  response.write(part.subarray(0, part.length >> 1), () => response.destroy())
  return 0
}

/** The smallest transport over real sockets. */
export const transport: HttpTransport = {
  request: ({ url, headers, maxBytes, signal }) => new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(new VouchsafeError("UNREACHABLE", error.message, { cause: error }))
    const request = httpRequest(url, { headers: { ...headers }, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on("data", (chunk: Buffer) => {
        length += chunk.length
        if (length > maxBytes) response.destroy(new Error("too large"))
        chunks.push(chunk)
      })
      response.on("error", fail)
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: {}, body: Buffer.concat(chunks) }))
    })
    signal?.addEventListener("abort", () => request.destroy())
    request.on("error", fail).end()
  }),
}

/** A source in memory. */
export function memorySource(name: string, bytes: Buffer | undefined, more: Partial<ChunkSource> & { readonly sends?: Buffer; readonly list?: ChunkList } = {}): ChunkSource & { reads: number[] } {
  const reads: number[] = []
  return {
    name, reads,
    chunks: () => Promise.resolve(more.list ?? (bytes === undefined ? undefined : listOf(bytes))),
    read: (_sha512, start, length) => {
      reads.push(start / CHUNK_BYTES)
      return Promise.resolve((more.sends ?? bytes ?? Buffer.alloc(0)).subarray(start, start + length))
    },
    ...(more.chunks === undefined ? {} : { chunks: more.chunks }),
    ...(more.read === undefined ? {} : { read: more.read }),
  }
}

/** Peers in one process: a request goes straight to the other's handler. */
export function fakeOverlay() {
  const handlers = new Map<string, (from: string, body: Uint8Array) => Promise<Uint8Array>>()
  const faults: { by: string; peer: string; fault: PeerFault }[] = []
  return {
    faults,
    peer(id: string): Pick<PeerTransport, "serve" | "request" | "report"> {
      return {
        serve: (protocol, { bytesMax }, handle) => {
          handlers.set(`${id} ${protocol}`, (from, body) => (body.length > bytesMax ? Promise.reject(new VouchsafeError("UPSTREAM_FAILED", "too large")) : handle(from, body)))
        },
        async request(to, protocol, body, { bytesMax }) {
          const handle = handlers.get(`${to} ${protocol}`)
          if (handle === undefined) throw new VouchsafeError("UNREACHABLE", `no ${to}`)
          const answer = await handle(id, body).catch((cause: unknown) => { throw new VouchsafeError("UPSTREAM_FAILED", "the request was ended", { cause }) })
          if (answer.length > bytesMax) throw new VouchsafeError("UPSTREAM_FAILED", "too large")
          return answer
        },
        report: (peer, fault) => { faults.push({ by: id, peer, fault }) },
      }
    },
  }
}

/** A clock and timers that only the test moves. */
export function manualTime(startMs = 1_700_000_000_000) {
  let nowMs = startMs
  const due = new Set<{ atMs: number; run: () => void }>()
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const timers: Timers = {
    after(ms, run) {
      const timer = { atMs: nowMs + ms, run }
      due.add(timer)
      return () => due.delete(timer)
    },
  }
  return {
    timers, clock: { nowMs: () => nowMs }, pending: () => due.size,
    /** Lets time pass until something has come to its end, however long the disk takes meanwhile. */
    async drive<T>(work: Promise<T>, stepMs = 50): Promise<T> {
      let isOver = false
      const end = (): void => { isOver = true }
      work.then(end, end)
      for (let step = 0; !isOver && step < 100_000; step++) {
        // The disk gets its turn before time goes on.
        await stat(tmpdir())
        await this.advance(stepMs)
      }
      return work
    },
    async advance(ms: number): Promise<void> {
      const endMs = nowMs + ms
      await settle()
      for (;;) {
        const [next] = [...due].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        due.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.run()
        await settle()
      }
      nowMs = endMs
    },
  }
}
