/**
 * Follows one source from what is known to its newest state, as TUF's client does it (TUF 1.0, §5), by `tuf-js`; around it stand our own
 * limits, which each file passes before the library sees it.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Updater } from "tuf-js"
import { type Chain, currentOf, newestRoot } from "./chain.ts"
import { sha256Hex } from "./keys.ts"
import { ROOT_BYTES_MAX, TARGET_BYTES_MAX } from "./limits.ts"
import { checkDelegations, checkLife, checkNotOver, readMetadata } from "./metadata.ts"
import { DELEGATED, metadataFile, PATH_BY_ROLE, type Role, ROSTER_TARGET, targetFile, TOP_LEVEL } from "./profile.ts"
import type { FetchFile } from "./source.ts"
import { createUpdater, noNewerRoot, refusalFrom, targetInfo } from "./updater.ts"

/** What is followed, and from where. */
export interface VerifyOptions {
  /** Hex SHA-256 of the first root's file. */
  readonly genesis: string
  /** What was verified earlier; empty at first. */
  readonly known: Chain
  readonly fetch: FetchFile
  readonly nowMs: number
  /** By which lives are measured, where another time decides what is over: a repository whose time is over is looked at as it was before. */
  readonly lifeNowMs?: number | undefined
  /** Roots that are followed at most; the rest is followed by the next update. */
  readonly rotationsMax?: number | undefined
}

/** How far it came. */
export interface Followed {
  /** Everything that was verified, also where the whole was refused: a root once seen is never forgotten. */
  readonly chain: Chain
  /** Why the source's state is not to be used; undefined when it is. */
  readonly refusal: VouchsafeError | undefined
  /** Targets of other roles than the roster's that are left out, with the reason. */
  readonly warnings: readonly string[]
}

const METADATA = /^(?:([1-9][0-9]*)\.)?([a-z]+)\.json$/

/** Verifies a source's state. Rejects with nothing but DISK: what is wrong with the source is in the result. */
export async function verifySource(options: VerifyOptions): Promise<Followed> {
  const scratch = makeScratch()
  const seen = new Map<string, string>(options.known)
  const warnings: string[] = []
  let refusal: VouchsafeError | undefined
  try {
    if (newestRoot(seen) === undefined) await fetchGenesis(options, seen)
    layOut(scratch, seen)
    refusal = await update(options, scratch, seen, warnings)
  } catch (error) {
    refusal = refusalFrom(error)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return { chain: seen, refusal, warnings }
}

function makeScratch(): string {
  try {
    return mkdtempSync(join(tmpdir(), "vouchsafe-roster-"))
  } catch (cause) {
    throw new VouchsafeError("DISK", `no folder for temporary files can be made in ${tmpdir()}`, { cause })
  }
}

async function fetchGenesis({ genesis, fetch }: VerifyOptions, seen: Map<string, string>): Promise<void> {
  const name = metadataFile("root", 1)
  const bytes = await fetch(name, ROOT_BYTES_MAX)
  if (bytes === undefined) throw new VouchsafeError("UNREACHABLE", `the source has no ${name}`, { hint: "is it the URL of a repository of rosters, with its slash?" })
  const found = sha256Hex(bytes)
  if (found !== genesis) throw new VouchsafeError("ROSTER_REFUSED", `the source's ${name} has SHA-256 ${found}, expected the pinned genesis ${genesis}`)
  readMetadata("root", bytes)
  seen.set(name, utf8Decode(bytes))
}

/** What is known, in the shape in which `tuf-js` keeps it. */
function layOut(scratch: string, seen: ReadonlyMap<string, string>): void {
  const root = newestRoot(seen)
  if (root !== undefined) writeFileSync(join(scratch, "root.json"), root.text)
  const newest = (role: Role): string | undefined => {
    const versions = [...seen.keys()].flatMap((name) => {
      const [, version, of] = METADATA.exec(name) ?? []
      return of === role && version !== undefined ? [Number(version)] : []
    })
    return versions.length === 0 ? undefined : seen.get(metadataFile(role, Math.max(...versions)))
  }
  for (const role of ["snapshot", "targets", ...DELEGATED] as const) {
    const text = newest(role)
    if (text !== undefined) writeFileSync(join(scratch, `${role}.json`), text)
  }
  const timestamp = seen.get("timestamp.json")
  if (timestamp !== undefined) writeFileSync(join(scratch, "timestamp.json"), timestamp)
}

async function update(options: VerifyOptions, scratch: string, seen: Map<string, string>, warnings: string[]): Promise<VouchsafeError | undefined> {
  // `tuf-js` turns some failures into text; what went wrong here is told by what was thrown last.
  let failure: VouchsafeError | undefined
  const roots = new Map<string, string>()
  const download = async (name: string, bytesMax: number): Promise<Buffer> => {
    try {
      const bytes = await fetchMetadata(options, name, bytesMax)
      if (name.endsWith(".root.json")) roots.set(name, utf8Decode(bytes))
      return bytes
    } catch (error) {
      if (isVouchsafeError(error)) failure = error
      throw error
    }
  }
  const updater = createUpdater({ scratch, nowMs: options.nowMs, rotationsMax: options.rotationsMax, download })
  const texts = new Map<string, string>()
  try {
    await updater.refresh()
    checkRelations(scratch, options.nowMs)
    for (const role of DELEGATED) {
      failure = undefined
      try {
        await takeTarget(updater, PATH_BY_ROLE[role], options, seen, texts)
      } catch (error) {
        const refusal = failure ?? refusalFrom(error)
        if (role === "roster" || refusal.code !== "ROSTER_EXPIRED") throw refusal
        warnings.push(`${role}: ${refusal.message}`)
      }
    }
  } catch (error) {
    const refusal = isVouchsafeError(error) ? error : failure ?? refusalFrom(error)
    keep(scratch, seen, new Map([...roots, ...texts]), false)
    return refusal
  }
  keep(scratch, seen, new Map([...roots, ...texts]), true)
  currentOf(seen)
  return undefined
}

/** One file of metadata, judged by everything but its signatures. */
async function fetchMetadata({ fetch, nowMs, lifeNowMs }: VerifyOptions, name: string, bytesMax: number): Promise<Buffer> {
  const [, version, found] = METADATA.exec(name) ?? []
  const role = [...TOP_LEVEL, ...DELEGATED].find((known) => known === found)
  if (role === undefined) throw new VouchsafeError("ROSTER_REFUSED", `metadata names the role ${found ?? name}, expected one of a roster's repository`)
  const bytes = await fetch(name, bytesMax)
  if (bytes === undefined) {
    if (role === "root") throw noNewerRoot()
    throw new VouchsafeError("UNREACHABLE", `the source has no ${name}`)
  }
  if (bytes.length > bytesMax) throw new VouchsafeError("ROSTER_REFUSED", `${name} has ${bytes.length} bytes, expected at most ${bytesMax}`)
  const { facts } = readMetadata(role, bytes)
  if (version !== undefined && Number(version) !== facts.version) throw new VouchsafeError("ROSTER_REFUSED", `${name} says version ${facts.version}`)
  checkLife(role, facts.expiresMs, lifeNowMs ?? nowMs)
  // A root that is over may still hand on to the next one.
  if (role !== "root") checkNotOver(role, facts.expiresMs, nowMs)
  return Buffer.from(bytes)
}

/** What must hold between files, each of which is signed. */
function checkRelations(scratch: string, nowMs: number): void {
  const root = readMetadata("root", readFileSync(join(scratch, "root.json")))
  checkNotOver("root", root.facts.expiresMs, nowMs)
  checkDelegations(root.facts, readMetadata("targets", readFileSync(join(scratch, "targets.json"))).facts)
}

async function takeTarget(updater: Updater, path: string, { fetch }: VerifyOptions, seen: ReadonlyMap<string, string>, texts: Map<string, string>): Promise<void> {
  const target = await targetInfo(updater, path)
  if (target === undefined) {
    if (path === ROSTER_TARGET) throw new VouchsafeError("ROSTER_REFUSED", `the repository has no ${path}`)
    return
  }
  const name = targetFile(path, target.sha256)
  const known = seen.get(name)
  const bytes = known === undefined ? await fetch(name, TARGET_BYTES_MAX) : Buffer.from(known, "utf8")
  if (bytes === undefined) throw new VouchsafeError("UNREACHABLE", `the source has no ${name}`)
  const found = sha256Hex(bytes)
  if (bytes.length !== target.length || found !== target.sha256) {
    throw new VouchsafeError("ROSTER_REFUSED", `${path} has ${bytes.length} bytes with SHA-256 ${found}, expected ${target.length} bytes with ${target.sha256}`)
  }
  texts.set(name, utf8Decode(bytes))
}

/**
 * Takes over what `tuf-js` wrote down, which is what it verified; of the roots it keeps the newest only, and those before it were verified
 * on the way. Of a whole state, what is no longer named goes.
 */
function keep(scratch: string, seen: Map<string, string>, fetched: ReadonlyMap<string, string>, isWholeState: boolean): void {
  const newest = readMetadata("root", readFileSync(join(scratch, "root.json"))).facts.version
  const files = new Map([...fetched].filter(([name]) => !name.endsWith(".root.json") || Number.parseInt(name, 10) <= newest))
  for (const role of [...TOP_LEVEL, ...DELEGATED]) {
    const text = readIfThere(join(scratch, `${role}.json`))
    if (text !== undefined) files.set(metadataFile(role, readMetadata<Role>(role, text).facts.version), text)
  }
  if (isWholeState) for (const name of [...seen.keys()]) if (!name.endsWith(".root.json")) seen.delete(name)
  for (const [name, text] of files) seen.set(name, text)
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}
