/**
 * One build: observe, fetch what was published, let the rebuilder work, and make the statement of what it found.
 *
 * @packageDocumentation
 */
import type { Attester } from "@vouchsafe/attester"
import { type Crypto, isVouchsafeError, type Observation, parseOwnEntry, resolveObservation, utf8Decode } from "@vouchsafe/core"
import type { BlobStore, Clock, RegistrySource, StatementLog, Timers } from "@vouchsafe/ports"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { BUILD_TIMEOUT_MS } from "../limits.ts"
import { type ChildOutcome, runRebuilder } from "./child.ts"
import { fetchPublished } from "./published.ts"
import { explainBadResult, readResult, type RebuilderResult } from "./result.ts"
import type { Build } from "./store.ts"

/** Format of the request on the rebuilder's standard input. */
const REBUILD_REQUEST_FORMAT = "vouchsafe-rebuild-request/v1"

/** What a build works with. */
export interface BuildWorld {
  readonly attester: Pick<Attester, "observe">
  readonly log: StatementLog
  readonly blobs: BlobStore
  readonly source: RegistrySource
  readonly crypto: Crypto
  readonly clock: Clock
  readonly timers: Timers
  /** The rebuilder's program and arguments. */
  readonly command: readonly string[]
  /** What of the node's environment the rebuilder gets: where programs and certificates are. See {@link rebuilderEnvironment}. */
  readonly environment: Readonly<Record<string, string>>
  /** Folder in which builds have their folders. */
  readonly scratch: string
  /** Folder kept between builds for package managers of given versions. */
  readonly toolchains: string
  readonly gitHosts: readonly string[]
  readonly allowPrivateAddresses: boolean
  /** Text of `--allowed-signers`, judged; absent: nobody's signature is more than one of an unknown signer. */
  readonly allowedSigners?: string | undefined
}

/** bubblewrap and git, and the certificates of a registry behind an authority of one's own. */
const ENVIRONMENT = ["PATH", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_USE_SYSTEM_CA"] as const

/** The part of an environment that goes to the rebuilder. All else stays with the node: it holds credentials. */
export function rebuilderEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(ENVIRONMENT.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

/** How a build ended. `stopped`: the node is ending, and the build is not over. */
export type BuildEnd =
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly step: string | null; readonly code: string; readonly detail: string }
  | { readonly kind: "compared"; readonly result: Extract<RebuilderResult, { status: "compared" }> }

/** Told of what happens on the way. */
export interface BuildReport {
  step(name: string): void
  log(text: string): void
}

/** Runs one build. Rejects only with what is the node's own fault (DISK, LOG_BROKEN, STATE_UNSAFE) and with bugs. */
export async function runBuild(build: Build, world: BuildWorld, report: BuildReport, signal: AbortSignal): Promise<BuildEnd> {
  // One an attempt: a rebuilder that outlived a killed node must not write into its successor's folder.
  const folder = join(world.scratch, `${build.id}-${build.attempts}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, "workspace"), { recursive: true, mode: 0o700 })
  mkdirSync(world.toolchains, { recursive: true, mode: 0o700 })
  try {
    return await steps(build, world, report, signal, folder)
  } catch (error) {
    if (!isVouchsafeError(error) || OWN_FAULTS.has(error.code)) throw error
    if (signal.aborted) return { kind: "stopped" }
    return { kind: "failed", step: "fetch", code: error.code, detail: error.message }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Codes that say something about this node, not about the package. */
const OWN_FAULTS: ReadonlySet<string> = new Set(["LOG_BROKEN", "DISK", "STATE_UNSAFE"])

async function steps(build: Build, world: BuildWorld, report: BuildReport, signal: AbortSignal, folder: string): Promise<BuildEnd> {
  const { purl, registry, source } = build
  const startedAt = nowSeconds(world.clock)
  report.step("observe")
  const observed = await world.attester.observe({ purl, registry }, { signal })
  if (observed.status === "absent") return { kind: "failed", step: "observe", code: "NOT_FOUND", detail: "the registry has no such version" }
  if (observed.status === "refused") return { kind: "failed", step: "observe", code: observed.code, detail: observed.detail }
  const observation = await readObservation(world, observed.index)
  report.step("fetch")
  const tarball = join(folder, "published.tgz")
  const { manifest } = await fetchPublished(world.source, observation, tarball, signal)
  const { publishedAt } = observation.packument
  const frozenAt = publishedAt ?? observation.observedAt
  const provenance = observation.upstream.provenance
  const request = {
    format: REBUILD_REQUEST_FORMAT, purl, registry, tarball, sha512: observation.sha512, manifest, publishedAt, frozenAt,
    ...(source === null ? {} : { source: { repository: source.repository, commit: source.commit, ...(source.directory === "" ? {} : { directory: source.directory }) } }),
    ...(provenance === null ? {} : { provenance: { repository: provenance.repository, commit: provenance.commit } }),
    ...(world.allowedSigners === undefined ? {} : { allowedSigners: world.allowedSigners }),
    workspace: join(folder, "workspace"), toolchains: world.toolchains,
    // No scopes and no credentials: a build sees the registry that the package came from, as anybody does.
    upstream: { registry }, gitProtocols: world.allowPrivateAddresses ? ["https", "http"] : ["https"], gitHosts: world.gitHosts,
    allowPrivateAddresses: world.allowPrivateAddresses,
  }
  let step = "start"
  const ended = await runRebuilder({
    // No TMPDIR: sockets below this folder would have paths too long for some systems.
    command: world.command, cwd: folder, env: { ...world.environment, HOME: folder, LANG: "C.UTF-8" },
    request: JSON.stringify(request), timeoutMs: BUILD_TIMEOUT_MS, timers: world.timers, signal,
    onEvent(event) {
      if (event.type === "log") return report.log(event.text)
      step = event.name
      return report.step(event.name)
    },
  })
  if (ended.kind !== "result") return endOf(ended, step)
  let result: RebuilderResult
  try {
    result = readResult(world.crypto, ended.result, { purl, registry, source, sha512: observation.sha512, log: world.log.origin, startedAt, finishedAt: nowSeconds(world.clock), frozenAt })
  } catch (error) {
    return { kind: "failed", step: "result", code: "REBUILDER_FAILED", detail: explainBadResult(error) }
  }
  if (result.status === "failed") return { kind: "failed", step: result.step, code: result.code, detail: result.detail }
  for (const [sha256, bytes] of result.documents) await world.blobs.put(sha256, bytes)
  return { kind: "compared", result }
}

function endOf(ended: Exclude<ChildOutcome, { kind: "result" }>, step: string): BuildEnd {
  if (ended.kind === "stopped") return ended
  if (ended.kind === "timeout") return { kind: "failed", step, code: "BUILD_TIMEOUT", detail: `the build was not over after ${BUILD_TIMEOUT_MS / 60_000} minutes` }
  return { kind: "failed", step, code: "REBUILDER_FAILED", detail: ended.detail }
}

async function readObservation(world: BuildWorld, index: number): Promise<Observation> {
  const entry = parseOwnEntry(utf8Decode(await world.log.entry(index)))
  if (entry.kind === "observation") return entry.observation
  const body = await world.blobs.get(entry.sha256)
  return resolveObservation(entry, body === undefined ? new Map() : new Map([[entry.sha256, utf8Decode(body)]]))
}

function nowSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000)
}
