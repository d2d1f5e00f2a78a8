/**
 * What an attester knows of a version's past (packages/spec/observation.md, "History"): from its packument, its own log, and wherever it may look.
 *
 * Facts of the tarball are the same for all who have its bytes; these are not, and are judged one attester at a time. Looking may fail without
 * consequence, except for the packument itself.
 *
 * @packageDocumentation
 */
import { BURST_SECONDS, type Crypto, type History, type HistoryChange, isVouchsafeError, npmPurl, type Observation, type Provenance, STANDING_SECONDS, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, BlobStore, Clock, RegistrySource, StatementLog } from "@vouchsafe/ports"
import type { UpstreamVerifier } from "@vouchsafe/sigstore"
import { asObject, asPlainText, member, type PackageFacts } from "@vouchsafe/tarball"
import type { CheckedArtifact } from "../artifact.ts"
import { readObservation } from "../own-entries.ts"
import { type PackumentFacts, readPackument } from "../package/packument.ts"
import { addedDependencies, addedGyp, addedScripts, contentsOfManifest, contentsOfObservation, hasRewrittenScript, listed, type PreviousContents } from "./contents.ts"
import { lapsedDomains } from "./domains.ts"
import { type Belonging, describeDependencies, describeLookalike, readerOfOthers } from "./kin.ts"
import { FRESH_SECONDS } from "./limits.ts"
import { type Person, readMaintainers } from "./people.ts"
import type { HistoryPorts } from "./ports.ts"
import { changedBetween, NO_PROVENANCE, type PreviousProvenance, provenanceOf } from "./provenance.ts"
import { burstOf, hasNewDomain, publisherStanding } from "./publisher.ts"
import { createReadings, type Reading, type Readings } from "./readings.ts"
import { gapBefore, previousOf, type Release, releasesBefore } from "./releases.ts"
import { type SourceQuestion, sourcesOf } from "./source.ts"

/** What it works with. */
export interface HistorianOptions {
  readonly source: RegistrySource
  readonly verifier: UpstreamVerifier
  readonly log: StatementLog
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly crypto: Crypto
  readonly ports: HistoryPorts
}

/** What is compared: the version, once its tarball was read. */
export interface Subject {
  readonly facts: PackageFacts
  /** Its own, where it verified. */
  readonly provenance: Provenance | null
}

/** @see createHistorian */
export interface Historian extends Pick<Readings, "expect"> {
  /**
   * Compares a version with those before it. Rejects as the source does where the packument cannot be read, with UPSTREAM_FAILED where it does
   * not list the version any more, and as the log does.
   */
  describe(artifact: CheckedArtifact, packument: PackumentFacts, subject: Subject, signal: AbortSignalLike): Promise<History>
}

/** The previous version, as far as it can be known. */
interface Previous {
  readonly release: Release
  readonly packument: PackumentFacts | undefined
  readonly contents: PreviousContents | undefined
  readonly provenance: PreviousProvenance
  readonly maintainers: readonly Person[]
}

/** @see Historian */
export function createHistorian(options: HistorianOptions): Historian {
  const { source, ports, clock } = options
  const readings = createReadings({ source, store: ports.store, timers: ports.timers })

  const readPrevious = async (artifact: CheckedArtifact, release: Release, signal: AbortSignalLike): Promise<Previous> => {
    const earlier: CheckedArtifact = { ...artifact, version: release.version, purl: npmPurl(artifact.name, release.version) }
    const [observed, packument] = await Promise.all([readOwn(options, earlier), readVersion(source, earlier, signal)])
    return {
      release, packument,
      contents: observed !== undefined ? contentsOfObservation(observed) : packument === undefined ? undefined : contentsOfManifest(packument.manifest),
      provenance: await provenanceOf({ source, verifier: options.verifier }, earlier, observed, packument, signal),
      maintainers: packument === undefined ? [] : readMaintainers(member(packument.manifest, "maintainers")),
    }
  }

  return {
    expect: readings.expect,
    async describe(artifact, packument, subject, signal) {
      const { registry, name, version } = artifact
      const reading = await readings.read(registry, name, signal)
      const release = reading?.releases.all.find((one) => one.version === version)
      if (reading === undefined || release === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `the packument of ${name} lists ${version} no more`, { hint: "ask again: the registry may be changing it" })
      const before = releasesBefore(reading.releases.all, release)
      const found = previousOf(before, release)
      const previous = found === null ? null : await readPrevious(artifact, found, signal)
      const looked = await lookFor({ artifact, packument, subject, reading, release, previous }, { source, ports, readings, nowSeconds: Math.floor(clock.nowMs() / 1000), signal })
      const { all, createdAt } = reading.releases
      return {
        createdAt, versions: all.length, notBefore: reading.notBefore.get(version) ?? null,
        previous: previous === null ? null : { version: previous.release.version, publishedAt: previous.release.publishedAt, provenance: previous.provenance.standing, source: looked.sources.previous },
        gap: gapBefore(before, release),
        publisher: publisherStanding(release, found, before, previous?.maintainers ?? []),
        changed: changesOf(subject, previous, release, before),
        scripts: previous?.contents === undefined ? [] : addedScripts(subject.facts, previous.contents),
        gyp: previous?.contents === undefined ? [] : addedGyp(subject.facts, previous.contents),
        dependencies: looked.dependencies, burst: looked.burst, source: looked.sources.now, lapsedDomains: looked.lapsed, lookalike: looked.lookalike,
      }
    },
  }
}

/** What is known before anybody else is asked. */
interface Known {
  readonly artifact: CheckedArtifact
  readonly packument: PackumentFacts
  readonly subject: Subject
  readonly reading: Reading
  readonly release: Release
  readonly previous: Previous | null
}

interface Looking {
  readonly source: RegistrySource
  readonly ports: HistoryPorts
  readonly readings: Readings
  readonly nowSeconds: number
  readonly signal: AbortSignalLike
}

type Looked = Pick<History, "dependencies" | "burst" | "lookalike"> & { readonly sources: Awaited<ReturnType<typeof sourcesOf>>; readonly lapsed: readonly string[] }

/** Everything for which others are asked, all at once. */
async function lookFor(known: Known, { source, ports, readings, nowSeconds, signal }: Looking): Promise<Looked> {
  const { artifact: { registry, name }, packument, subject, reading, release, previous } = known
  const { publishedAt } = release
  const own = readMaintainers(member(packument.manifest, "maintainers"))
  const belonging: Belonging = { registry, name, repository: previous?.packument?.repository ?? packument.repository, maintainers: previous === null ? own : previous.maintainers }
  const readOther = readerOfOthers(source, registry, signal)
  const isPublic = ports.isPublic?.(registry) ?? true
  const isYoung = reading.releases.createdAt === null || publishedAt === null || publishedAt - reading.releases.createdAt < STANDING_SECONDS
  const resembled = isYoung ? ports.lookalike?.(name) ?? null : null
  const added = previous?.contents === undefined ? [] : addedDependencies(subject.facts, previous.contents)
  const burst = async (): Promise<History["burst"]> => {
    if (publishedAt === null || nowSeconds - publishedAt < FRESH_SECONDS) await readings.settled()
    return burstOf(release, previous?.release ?? null, reading.releases.all, (publisher, at) =>
      readings.countPackages({ registry, publisher, from: Math.max(0, at - BURST_SECONDS), to: at + BURST_SECONDS, except: name }))
  }
  const [sources, lapsed, dependencies, lookalike, together] = await Promise.all([
    sourcesOf(isPublic ? ports.refs : undefined, questionOf(known, packument, release, subject.provenance !== null), previous?.packument === undefined ? null : questionOf(known, previous.packument, previous.release, previous.provenance.standing === "verified"), signal),
    lapsedDomains(isPublic ? ports.domains : undefined, [...own, ...release.publisher === null ? [] : [release.publisher]], previous?.release.publishedAt ?? null, signal),
    describeDependencies(added, belonging, readOther),
    resembled === null ? null : describeLookalike(resembled, own, readOther),
    burst(),
  ])
  return { sources, lapsed: listed(lapsed), dependencies, lookalike, burst: together }
}

function questionOf({ artifact: { name } }: Known, { manifest, repository }: PackumentFacts, { version, publishedAt }: Release, isVerified: boolean): SourceQuestion {
  return { name, version, repository, publishedAt, isVerified, gitHead: asPlainText(member(manifest, "gitHead"), GIT_HEAD_LENGTH_MAX) }
}

/** Characters of a commit's id. */
const GIT_HEAD_LENGTH_MAX = 64

/** What changed, sorted. Where provenance verified, it is the identity, and an account's e-mail address is none. */
function changesOf({ facts, provenance }: Subject, previous: Previous | null, release: Release, before: readonly Release[]): readonly HistoryChange[] {
  if (previous === null) return []
  const changed: HistoryChange[] = provenance !== null && previous.provenance.provenance !== null ? changedBetween(previous.provenance.provenance, provenance) : []
  if (provenance === null && hasNewDomain(release, before, previous.maintainers)) changed.push("publisher-domain")
  if (previous.contents !== undefined && hasRewrittenScript(facts, previous.contents)) changed.push("scripts")
  return changed.sort()
}

/** The own observation of an earlier version. One that this version of the program cannot read is none. */
async function readOwn(options: HistorianOptions, artifact: CheckedArtifact): Promise<Observation | undefined> {
  try {
    return await readObservation(options, artifact)
  } catch (error) {
    if (!isVouchsafeError(error) || error.kind !== "input") throw error
    return undefined
  }
}

/** An earlier version in the packument; undefined where it makes no sense. */
async function readVersion(source: RegistrySource, { name, version, registry }: CheckedArtifact, signal: AbortSignalLike): Promise<PackumentFacts | undefined> {
  try {
    const found = await source.packumentVersion({ name, version, registry, signal })
    return found === undefined || asObject(found.manifest) === undefined ? undefined : readPackument(found)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}
