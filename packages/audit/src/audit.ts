/**
 * A folder's packages against what was attested. Start at {@link auditFolder}.
 *
 * @packageDocumentation
 */
import { hash } from "node:crypto"
import type { CheckResult } from "@vouchsafe/client"
import { artifactKey, type Verdict } from "@vouchsafe/core"
import { attestedOf } from "./attested.ts"
import { compareFiles, compareHashes, type Comparison, type Held } from "./compare.ts"
import { readTexts } from "./file-reader.ts"
import { identifier, type Identified, linksInPlaceOfReleases, type ProjectLockfile } from "./identify.ts"
import type { Manifest } from "./manifest.ts"
import { type Misplaced, misplacedLinks } from "./misplaced.ts"
import { filesOf, patchesFor, type ProjectPatch, readPatches, takeBackPatches } from "./patches.ts"
import type { FolderReading } from "./reading.ts"
import { hashesOf } from "./summary.ts"
import type { Attested, Contents, Discovery } from "./types.ts"

/** What an audit asks of its host. */
export interface AuditOptions {
  /** Begun by `readAudited`, as early as may be: while threads read, all else is asked for and judged. */
  readonly reading: FolderReading
  /** Lockfiles of the projects found, each in its folder. */
  lockfiles(projects: readonly string[]): Promise<readonly ProjectLockfile[]>
  /** Asks while packages are read for what the lockfiles name, so that both go on at once. */
  prepare?(lockfiles: readonly ProjectLockfile[]): Promise<unknown>
  /** Judges packages, all with a purl. Registry and digest are the host's to know. */
  judge(packages: readonly Identified[]): Promise<Judged>
  /** A file manifest by its digest; undefined where nobody has it. */
  manifest(digest: string): Promise<Manifest | undefined>
  /** Attested contents with a manifest, for packages of which only a lock speaks. */
  observe(packages: readonly Identified[]): Promise<Judged>
}

export interface Judged {
  readonly results: readonly CheckResult[]
  /** `artifactKey` under which a package was judged. */
  keyOf(one: Identified): string
}

/** One package on disk. */
export interface AuditedPackage extends Identified {
  /** Absent for what no registry released. */
  readonly verdict?: Verdict
  readonly comparison: Comparison
  /** Place of the package whose tarball brings it: it is compared as part of that. */
  readonly within?: string
}

export interface Audit {
  readonly discovery: Discovery
  readonly lockfiles: readonly ProjectLockfile[]
  readonly patches: readonly ProjectPatch[]
  readonly packages: readonly AuditedPackage[]
  readonly misplaced: readonly Misplaced[]
  readonly results: readonly CheckResult[]
}

const UNKNOWN: Comparison = { equality: "unknown", known: [] }

interface Work {
  readonly options: AuditOptions
  readonly byPath: ReadonlyMap<string, Identified>
  readonly verdicts: Map<string, Verdict>
  readonly attested: Map<string, Attested>
  readonly results: CheckResult[]
  readonly keys: Map<string, string>
  readonly patches: readonly ProjectPatch[]
}

/**
 * Audits a folder. Everything that is found ends up in the answer; what it means for the exit status is the host's to say.
 * @throws VouchsafeError DISK, and what the host's own functions throw.
 */
export async function auditFolder(options: AuditOptions): Promise<Audit> {
  const { root, discovery } = options.reading
  const lockfiles = await options.lockfiles(discovery.projects)
  await options.prepare?.(lockfiles)
  const contents = await options.reading.contents()
  const identify = identifier(lockfiles)
  const found = discovery.places.flatMap((place, i) => (isEmpty(contents[i]) ? [] : [identify(place, contents[i] as Contents)]))
  const patches = readPatches(root, discovery.projects)
  const work: Work = { options, byPath: new Map(found.map((one) => [one.place.path, one])), verdicts: new Map(), attested: new Map(), results: [], keys: new Map(), patches }
  // What lies in another package may be a part of its tarball: that is known once the other one is.
  await judge(work, found.filter((one) => one.place.owner === undefined || one.entry?.kind === "registry"))
  const within = new Map(found.flatMap((one) => {
    const owner = bundlerOf(work, one)
    return owner === undefined ? [] : [[one.place.path, owner] as const]
  }))
  await judge(work, found.filter((one) => !work.keys.has(one.place.path) && !within.has(one.place.path)))
  const packages = await compareAll(work, found, within)
  const misplaced = misplacedLinks(discovery.links, found, lockfiles)
  const strays = [...discovery.strays, ...linksInPlaceOfReleases(discovery.links, lockfiles).map(({ path }) => path)]
  return { discovery: { ...discovery, strays }, lockfiles, patches, packages, misplaced, results: work.results }
}

/** A folder that only holds other packages, or nothing, or what Yarn puts in place of a package for another platform. */
function isEmpty(contents: Contents | undefined): boolean {
  if (contents === undefined) return true
  if (contents.specials.length > 0 || contents.problem !== undefined) return false
  return contents.summary.count === 0 || (contents.summary.count === 1 && contents.version === null && contents.files.every(({ path, sha256 }) => path === "package.json" && sha256 === mockOf(contents.name)))
}

function mockOf(name: string | null): string {
  return hash("sha256", `${JSON.stringify({ name, mocked: true }, null, 2)}\n`)
}

async function judge(work: Work, packages: readonly Identified[]): Promise<void> {
  const asked = packages.filter(({ purl }) => purl !== undefined)
  if (asked.length === 0) return
  const { results, keyOf } = await work.options.judge(asked)
  work.results.push(...results)
  for (const result of results) {
    for (const verdict of result.verdicts) if (work.verdicts.get(artifactKey(verdict))?.ok !== false) work.verdicts.set(artifactKey(verdict), verdict)
    for (const [key, attested] of attestedOf(result)) work.attested.set(key, attested)
  }
  for (const one of asked) work.keys.set(one.place.path, keyOf(one))
}

function attestedAt(work: Work, path: string): Attested | undefined {
  const key = work.keys.get(path)
  return key === undefined ? undefined : work.attested.get(key)
}

/** The package whose attested tarball holds this one, where the lockfile does not say that it was fetched by itself. */
function bundlerOf(work: Work, one: Identified): string | undefined {
  if (one.entry?.kind === "registry" && !one.isYarn && one.entry.where.includes("node_modules/")) return undefined
  // Yarn unpacks what a tarball bundles only where each package has a folder of its own; elsewhere it is what Yarn fetched.
  if (one.isYarn && one.place.layout !== "isolated") return undefined
  for (let owner = one.place.owner; owner !== undefined; owner = work.byPath.get(owner)?.place.owner) {
    if (attestedAt(work, owner)?.bundled.includes(one.place.path.slice(owner.length + 1)) === true) return owner
  }
  return undefined
}

async function compareAll(work: Work, found: readonly Identified[], within: ReadonlyMap<string, string>): Promise<AuditedPackage[]> {
  const parts = new Map<string, Identified[]>()
  for (const one of found) {
    const owner = within.get(one.place.path)
    if (owner !== undefined) parts.set(owner, [...parts.get(owner) ?? [], one])
  }
  const compared = new Map<string, Comparison>()
  const open: Identified[] = []
  for (const one of found) {
    const attested = attestedAt(work, one.place.path)
    if (attested === undefined || within.has(one.place.path)) continue
    const isPatched = patchesFor(work.patches, one.name).length > 0
    const comparison = compareHashes(heldAt(one, parts), attested) ?? (isPatched ? compareHashes(await unpatchedAt(work, one, parts), attested) : undefined)
    if (comparison === undefined) open.push(one)
    else compared.set(one.place.path, comparison)
  }
  for (const [path, comparison] of await nameFiles(work, open, parts, found, compared)) compared.set(path, comparison)
  return found.map((one) => {
    const key = work.keys.get(one.place.path)
    const verdict = key === undefined ? undefined : work.verdicts.get(key)
    const owner = within.get(one.place.path)
    return { ...one, comparison: compared.get(one.place.path) ?? UNKNOWN, ...(verdict === undefined ? {} : { verdict }), ...(owner === undefined ? {} : { within: owner }) }
  })
}

/** A place's files with those of what its tarball bundles. */
function heldAt(one: Identified, parts: ReadonlyMap<string, readonly Identified[]>): Held {
  const { place, contents, isYarn, patchedByYarn } = one
  const inside = (parts.get(place.path) ?? []).map((part) => ({ prefix: `${part.place.path.slice(place.path.length + 1)}/`, contents: part.contents }))
  if (inside.length === 0) return { get files() { return contents.files }, hashes: contents.summary.hashes, specials: contents.specials, taken: [], isYarn, patchedByYarn }
  const files = [...contents.files, ...inside.flatMap(({ prefix, contents: { files: own } }) => own.map((file) => ({ ...file, path: `${prefix}${file.path}` })))]
  const specials = [...contents.specials, ...inside.flatMap(({ prefix, contents: { specials: own } }) => own.map((path) => `${prefix}${path}`))]
  return { files, hashes: hashesOf(files), specials, taken: [], isYarn, patchedByYarn }
}

/** The same, with what the project's patches did to it. */
async function unpatchedAt(work: Work, one: Identified, parts: ReadonlyMap<string, readonly Identified[]>): Promise<Held> {
  const held = heldAt(one, parts)
  const patches = patchesFor(work.patches, one.name)
  if (patches.length === 0) return held
  // A patch names paths as it likes: only files that were found are read.
  const wanted = filesOf(patches, one.name)
  const texts = await readTexts(work.options.reading.root, one.place, new Set(held.files.map(({ path }) => path).filter((path) => wanted.has(path))))
  return { ...held, taken: takeBackPatches(patches, one.name, (path) => texts.get(path)) }
}

/** Names the files of packages that are not as attested. */
async function nameFiles(work: Work, open: readonly Identified[], parts: ReadonlyMap<string, readonly Identified[]>, found: readonly Identified[], compared: ReadonlyMap<string, Comparison>): Promise<Map<string, Comparison>> {
  const named = new Map<string, Comparison>()
  if (open.length === 0) return named
  const attested = await withManifests(work, open)
  const copies = new Map<string, string>()
  for (const { place, name, version, contents } of found) if (compared.get(place.path)?.equality === "equal") for (const { sha256 } of contents.files) copies.set(sha256, `${name}@${version}`)
  for (const one of open) {
    const known = attested.get(one.place.path)
    const manifest = known?.manifest === undefined ? undefined : await work.options.manifest(known.manifest)
    named.set(one.place.path, known === undefined || manifest === undefined ? { equality: "differs", known: [] } : compareFiles(await unpatchedAt(work, one, parts), known, manifest, copies))
  }
  return named
}

/** A lock has the content hash alone: what it speaks of is asked for once more. */
async function withManifests(work: Work, open: readonly Identified[]): Promise<ReadonlyMap<string, Attested>> {
  const attested = new Map(open.flatMap((one) => {
    const known = attestedAt(work, one.place.path)
    return known === undefined ? [] : [[one.place.path, known] as const]
  }))
  const lacking = open.filter(({ place }) => attested.get(place.path)?.manifest === undefined)
  if (lacking.length === 0) return attested
  const { results, keyOf } = await work.options.observe(lacking)
  const observed = new Map(results.flatMap((result) => [...attestedOf(result)]))
  for (const one of lacking) {
    const [fuller, known] = [observed.get(keyOf(one)), attested.get(one.place.path)]
    if (fuller !== undefined && fuller.h1 === known?.h1) attested.set(one.place.path, fuller)
  }
  return attested
}
