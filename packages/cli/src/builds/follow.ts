/**
 * Reads a build's log while it grows, and its status in the end.
 *
 * @packageDocumentation
 */
import { shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"
import { request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import { askNode, type NodePlace, refusalOf } from "../nodes.ts"

/** A build as a node tells it (packages/spec/builds.md). */
export interface BuildStatus {
  readonly id: string
  readonly purl: string
  readonly state: "queued" | "running" | "done" | "failed"
  readonly step: string | null
  readonly result: { readonly index: number; readonly match: "tgz" | "tar" | "contents" | "none"; readonly differences: { readonly count: number; readonly document: string | null; readonly diff: string | null } } | null
  readonly failure: { readonly step: string | null; readonly code: string; readonly detail: string } | null
}

/** What a node names a build by. */
export const BUILD_ID = /^[0-9a-f]{32}$/
const MATCHES = ["tgz", "tar", "contents", "none"] as const
const STATES = ["queued", "running", "done", "failed"] as const
const TEXT_LENGTH_MAX = 8_192
const MAX = Number.MAX_SAFE_INTEGER
const SILENCE_MS_MAX = 120_000
const LOG_BYTES_MAX = 64 * 1024 * 1024
/** Between one reading of a log that ended early and the next. */
const PAUSE_MS = 1_000

const read = shapeReader("UPSTREAM_FAILED", "build status")

/** @throws VouchsafeError NOT_FOUND, UPSTREAM_FAILED, and what the transport throws. */
export async function readStatus(transport: HttpTransport, place: NodePlace, id: string): Promise<{ readonly status: BuildStatus; readonly document: unknown }> {
  if (!BUILD_ID.test(id)) throw new VouchsafeError("USAGE", `${shown(id)} is no build, expected the 32 hex digits that \`vouchsafe build\` printed`)
  const answer = await askNode(transport, place, { path: `v1/builds/${id}` })
  if (answer.status !== 200) {
    const { message, hint } = refusalOf(answer)
    throw new VouchsafeError(answer.status === 404 ? "NOT_FOUND" : "UPSTREAM_FAILED", `${place.name}: ${message}`, { hint })
  }
  return { status: parseStatus(answer.document), document: answer.document }
}

/** A node is believed no more here than anywhere: what is printed is read strictly. */
function parseStatus(value: unknown): BuildStatus {
  const document = read.object(value, "document", ["format", "id", "purl", "registry", "source", "state", "attempts", "queuedAt", "startedAt", "finishedAt", "step", "result", "failure"])
  read.oneOf(document["format"], "format", ["vouchsafe-build/v1"])
  const textOrNull = (text: unknown, at: string): string | null => (text === null ? null : read.string(text, at, TEXT_LENGTH_MAX))
  const result = document["result"] === null ? null : read.object(document["result"], "result", ["index", "match", "sha512", "recipe", "differences"])
  const differences = result === null ? null : read.object(result["differences"], "result.differences", ["count", "document", "diff"])
  const failure = document["failure"] === null ? null : read.object(document["failure"], "failure", ["step", "code", "detail"])
  return {
    id: read.pattern(document["id"], "id", BUILD_ID, "32 hex digits"), purl: read.string(document["purl"], "purl", TEXT_LENGTH_MAX),
    state: read.oneOf(document["state"], "state", STATES), step: textOrNull(document["step"], "step"),
    result: result === null || differences === null ? null : {
      index: read.integer(result["index"], "result.index", 0, MAX), match: read.oneOf(result["match"], "result.match", MATCHES),
      differences: { count: read.integer(differences["count"], "result.differences.count", 0, MAX), document: textOrNull(differences["document"], "document"), diff: textOrNull(differences["diff"], "diff") },
    },
    failure: failure === null ? null : { step: textOrNull(failure["step"], "failure.step"), code: read.string(failure["code"], "failure.code", TEXT_LENGTH_MAX), detail: read.string(failure["detail"], "failure.detail", TEXT_LENGTH_MAX) },
  }
}

/** Passes the log on as it comes, until the build is over. @throws as {@link readStatus}. */
export async function followBuild(transport: HttpTransport, place: NodePlace, id: string, onText: (text: string) => void): Promise<{ readonly status: BuildStatus; readonly document: unknown }> {
  let from = 0
  for (;;) {
    const before = await readStatus(transport, place, id)
    from += await streamLog(place, id, from, onText)
    if (before.status.state === "done" || before.status.state === "failed") return before
    const { state } = (await readStatus(transport, place, id)).status
    if (state === "queued" || state === "running") await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

/** Reads one stretch of a log. @returns how many bytes came. */
function streamLog(place: NodePlace, id: string, from: number, onText: (text: string) => void): Promise<number> {
  const url = new URL(`${place.url}v1/builds/${id}/log?from=${from}`)
  const send = url.protocol === "https:" ? httpsRequest : httpRequest
  const decoder = new TextDecoder()
  let count = 0
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(new VouchsafeError("UNREACHABLE", `${place.name} stopped sending the log of build ${id}: ${cause.message}`, { hint: "`vouchsafe build status --follow` goes on reading", cause }))
    const request = send(url, { ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }), timeout: SILENCE_MS_MAX, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        reject(new VouchsafeError("UPSTREAM_FAILED", `${place.name} answered ${response.statusCode ?? "nothing"} for the log of build ${id}, expected 200`))
        return
      }
      response.on("data", (chunk: Buffer) => {
        count += chunk.length
        if (count > LOG_BYTES_MAX) request.destroy(new Error(`more than ${LOG_BYTES_MAX} bytes`))
        else onText(decoder.decode(chunk, { stream: true }))
      })
      response.on("end", () => resolve(count))
      response.on("error", fail)
    })
    request.on("timeout", () => request.destroy(new Error(`nothing for ${SILENCE_MS_MAX / 1_000} s`)))
    request.on("error", fail)
    request.end()
  })
}
