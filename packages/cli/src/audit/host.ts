/**
 * What an audit asks of a project: lockfiles, verdicts, file manifests.
 *
 * @packageDocumentation
 */
import { type AuditOptions, type FolderReading, type Identified, type Judged, manifestsFrom, type ProjectLockfile } from "@vouchsafe/audit"
import type { CheckOptions, CheckResult } from "@vouchsafe/client"
import { LOCKFILE_NAMES, sha512Of, toRequests } from "@vouchsafe/client/lockfile"
import type { Project } from "@vouchsafe/client/node"
import { artifactKey, type ArtifactRequest, type Verdict } from "@vouchsafe/core"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { checkVersions } from "../check/versions.ts"
import { readLockfile } from "../commands/lockfile.ts"

/** npm's own list of what it installed: read where a folder came without its lockfile. */
const HIDDEN_LOCKFILE = "node_modules/.package-lock.json"

export interface HostOptions {
  readonly reading: FolderReading
  readonly lockfiles: ReturnType<typeof lockfilesIn>
  readonly project: Project
  readonly check: CheckOptions
  /** A project that judges as if it had no lock; opened when it is needed. */
  readonly openWithoutLock: () => Promise<Project>
}

/** Finds lockfiles of projects and of the folders around them, up to `root`; each is read once. npm reads only one of its two. @throws VouchsafeError LOCKFILE_MALFORMED. */
export function lockfilesIn(root: string): (projects: readonly string[]) => ProjectLockfile[] {
  const byFolder = new Map<string, readonly ProjectLockfile[]>()
  const read = (folder: string): readonly ProjectLockfile[] => {
    const present = [...LOCKFILE_NAMES, HIDDEN_LOCKFILE].filter((name) => existsSync(join(root, folder, name)))
    const npm = present.filter((name) => name.endsWith(".json"))
    return [...npm.slice(0, 1), ...present.filter((name) => !name.endsWith(".json"))].map((name) => {
      const path = folder === "" ? name : `${folder}/${name}`
      return { folder, path, lockfile: readLockfile(join(root, path)) }
    })
  }
  return (projects) => [...new Set(projects.flatMap(withThoseAround))].flatMap((folder) => {
    const known = byFolder.get(folder) ?? read(folder)
    byFolder.set(folder, known)
    return known
  })
}

function withThoseAround(folder: string): string[] {
  return [...folder.split("/").map((_, i, parts) => parts.slice(0, i + 1).join("/")), ""]
}

/** @returns what `auditFolder` needs. */
export function auditHost({ reading, lockfiles, project, check, openWithoutLock }: HostOptions): AuditOptions {
  const registryFor = (name: string): string => project.registries.registryFor(name)
  const prepared = new Map<string, Verdict>()
  let preparedResult: CheckResult | undefined
  const requestOf = ({ name, purl, entry }: Identified): ArtifactRequest => {
    const sha512 = entry === undefined ? undefined : sha512Of(entry)
    return { purl: purl as string, registry: registryFor(name), ...(sha512 === undefined ? {} : { sha512 }), ...(entry?.dependency === undefined ? {} : { dependency: entry.dependency }) }
  }
  const keyOf = (one: Identified): string => artifactKey({ purl: one.purl as string, registry: registryFor(one.name) })
  return {
    reading,
    lockfiles: async (projects) => lockfiles(projects),
    async prepare(found) {
      const requests = distinct(found.flatMap(({ lockfile }) => toRequests(lockfile, { registryFor }))).filter(({ sha512 }) => sha512 !== undefined)
      if (requests.length === 0) return
      preparedResult = await project.check(requests, check)
      for (const verdict of preparedResult.verdicts) prepared.set(exactKey(verdict), verdict)
    },
    async judge(packages) {
      const requests = distinct(packages.map(requestOf))
      const results: CheckResult[] = []
      const known = requests.flatMap((request) => prepared.get(exactKey(request)) ?? [])
      if (preparedResult !== undefined && known.length > 0) results.push({ ...preparedResult, verdicts: known })
      const rest = requests.filter((request) => !prepared.has(exactKey(request)))
      const exact = rest.filter(({ sha512 }) => sha512 !== undefined)
      const versions = rest.filter(({ sha512 }) => sha512 === undefined)
      if (exact.length > 0) results.push(await project.check(exact, check))
      if (versions.length > 0) results.push(await checkVersions(project, versions, check))
      return { results, keyOf }
    },
    manifest: manifestsFrom(project.transport, check.budgetMs === 0 ? [] : project.roster.nodes),
    async observe(packages): Promise<Judged> {
      if (check.budgetMs === 0) return { results: [], keyOf }
      const other = await openWithoutLock()
      try {
        return { results: [await checkVersions(other, distinct(packages.map(requestOf)).map(({ sha512: _, ...request }) => request), check)], keyOf }
      } finally {
        other.close()
      }
    },
  }
}

function exactKey({ purl, registry, sha512 }: Pick<ArtifactRequest, "purl" | "registry" | "sha512">): string {
  return `${artifactKey({ purl, registry })} ${sha512 ?? ""}`
}

function distinct(requests: readonly ArtifactRequest[]): ArtifactRequest[] {
  return [...new Map(requests.map((request) => [exactKey(request), request])).values()]
}
