/**
 * Pins of the person's own node, over its admin socket (packages/spec/artifacts.md, "HTTP").
 *
 * @packageDocumentation
 */
import type { HttpTransport } from "@vouchsafe/client"
import { parseJson, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { askNode, type NodePlace, refusalOf } from "../nodes.ts"
import type { Artifact } from "./requests.ts"

/** Artifacts of one request: the answer comes when all of them have ended. */
const BATCH = 200
/** Time for a batch, in ms: tarballs may come from far away. */
const BATCH_TIMEOUT_MS = 1_800_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** An artifact that is pinned now. */
export interface PinnedNow extends Artifact {
  readonly size: number
  readonly from: string
}

/** An artifact that the node could not get or keep. */
export interface NotPinned extends Artifact {
  readonly code: string
  readonly message: string
}

/** Pins artifacts, and says what came of each. @throws VouchsafeError of the transport, UPSTREAM_FAILED. */
export async function pinAll(transport: HttpTransport, place: NodePlace, artifacts: readonly Artifact[], onProgress: (done: number) => void): Promise<{ pinned: PinnedNow[]; failed: NotPinned[] }> {
  const pinned: PinnedNow[] = []
  const failed: NotPinned[] = []
  for (let start = 0; start < artifacts.length; start += BATCH) {
    const batch = artifacts.slice(start, start + BATCH)
    const { status, body } = await transport.request({
      method: "POST", url: `${place.url}v1/pin`, headers: { "content-type": "application/json" }, timeoutMs: BATCH_TIMEOUT_MS, maxBytes: ANSWER_BYTES_MAX,
      body: utf8Encode(JSON.stringify({ artifacts: batch.map(({ purl, registry, sha512 }) => ({ purl, registry, sha512 })) })),
      ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
    })
    const lines = utf8Decode(body).split("\n").filter((line) => line !== "").map((line) => parseJson("UPSTREAM_FAILED", place.name, line))
    if (status !== 200) throw refused(place, { status, document: lines[0] })
    const ended = lines.map((line) => line as { pinned?: PinnedNow; failed?: NotPinned; done?: object })
    pinned.push(...ended.flatMap((line) => line.pinned ?? []))
    failed.push(...ended.flatMap((line) => line.failed ?? []))
    if (ended.at(-1)?.done === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} broke off after ${pinned.length + failed.length} of ${artifacts.length} artifacts`)
    onProgress(start + batch.length)
  }
  return { pinned, failed }
}

/** What is pinned. @throws VouchsafeError of the transport, UPSTREAM_FAILED. */
export async function listPins(transport: HttpTransport, place: NodePlace): Promise<(Artifact & { readonly size: number; readonly isHeld: boolean })[]> {
  const answer = await askNode(transport, place, { path: "v1/pins", maxBytes: ANSWER_BYTES_MAX })
  const { pins } = (answer.document ?? {}) as { pins?: (Artifact & { size: number; isHeld: boolean })[] }
  if (answer.status !== 200 || !Array.isArray(pins)) throw refused(place, answer)
  return pins
}

/** Lets go, and says how many were pinned. @throws VouchsafeError of the transport, UPSTREAM_FAILED. */
export async function unpinAll(transport: HttpTransport, place: NodePlace, artifacts: readonly Artifact[]): Promise<number> {
  let count = 0
  for (let start = 0; start < artifacts.length; start += BATCH) {
    const batch = artifacts.slice(start, start + BATCH).map(({ purl, registry, sha512 }) => ({ purl, registry, sha512 }))
    const answer = await askNode(transport, place, { path: "v1/unpin", body: { artifacts: batch } })
    const { unpinned } = (answer.document ?? {}) as { unpinned?: unknown }
    if (answer.status !== 200 || typeof unpinned !== "number") throw refused(place, answer)
    count += unpinned
  }
  return count
}

function refused(place: NodePlace, answer: Parameters<typeof refusalOf>[0]): VouchsafeError {
  const { code, message } = refusalOf(answer)
  return new VouchsafeError("UPSTREAM_FAILED", `${place.name} answered ${code}: ${message}`, answer.status === 404 ? { hint: "does the node run with artifacts off?" } : {})
}
