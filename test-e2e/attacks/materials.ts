/**
 * Makes of the rows' releases what registries, git server and mock Sigstore hold.
 *
 * @packageDocumentation
 */
import { npmPurl } from "@vouchsafe/core"
import { buildFixture, type FixturePackage } from "@vouchsafe/testkit/registry"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { GitServer, Repository, SigningKey } from "../support/index.ts"
import { payload } from "./rows/parts.ts"
import { ORPHAN } from "./rows/sources.ts"
import type { MockSigstore, Run } from "./sigstore/mock.ts"
import type { Person, Release, Row } from "./types.ts"

/** A release as it is published. */
export interface Made {
  readonly release: Release
  readonly fixture: FixturePackage
  /** Lower-case hexadecimal, of the .tgz. */
  readonly sha512: string
  /** Words that stand in this release's files and nowhere else. */
  readonly canary: string
  /** Where its source is, for those that were committed. */
  readonly source: { readonly repository: string; readonly commit: string } | undefined
}

/** Everything that the world is made of. */
export interface Materials {
  readonly made: ReadonlyMap<string, Made>
  /** By `name@version`, as the registry answers. */
  readonly attestations: Readonly<Record<string, unknown>>
}

/** What materials are made with. */
export interface Makers {
  readonly git: GitServer
  readonly sigstore: MockSigstore
  readonly signingKey: SigningKey
  /** Unix seconds from which ages are counted. */
  readonly nowSeconds: number
  /** Packs as published: versions of npm and Node, for rebuilders. */
  readonly npmVersion: string
}

const LICENSE = "MIT"
const WORKFLOW = ".github/workflows/release.yml"
/** A run is over some seconds before the registry has what it made. */
const SIGNED_BEFORE_SECONDS = 30

export const specOf = ({ name, version }: Pick<Release, "name" | "version">): string => `${name}@${version}`

/** Publishes of different rows have nothing to do with each other: each row has people of its own. */
function inRow(row: number, { name, email }: Person): Person {
  return { name: `${name}-${row}`, email }
}

export function makeMaterials(rows: readonly Row[], makers: Makers): Materials {
  const made = new Map<string, Made>()
  const attestations: Record<string, unknown> = {}
  const repositories = new Map<string, Repository>()
  const repositoryOf = (name: string): Repository => {
    const known = repositories.get(name) ?? makers.git.repository(name)
    repositories.set(name, known)
    return known
  }
  for (const row of rows) {
    for (const release of [...row.attack.releases, ...row.twin.releases]) {
      const spec = keyOf(release)
      if (made.has(spec)) continue
      const one = makeRelease(row.number, release, makers, repositoryOf)
      made.set(spec, one)
      if (release.run !== undefined) {
        const run = runOf(release, one.source?.commit)
        attestations[specOf(release)] = makers.sigstore.attest({ purl: npmPurl(release.name, release.version), sha512: one.sha512 }, run, publishedAt(makers, release) - SIGNED_BEFORE_SECONDS)
      }
    }
  }
  pushAll(repositories)
  return { made, attestations }
}

/** One name and version may be in both registries. */
export function keyOf(release: Release): string {
  return `${release.registry ?? "public"} ${specOf(release)}`
}

function publishedAt({ nowSeconds }: Makers, { ageSeconds }: Release): number {
  return Math.floor(nowSeconds - ageSeconds)
}

function makeRelease(row: number, release: Release, makers: Makers, repositoryOf: (name: string) => Repository): Made {
  const { name, version, source, run } = release
  const canary = `replay-canary ${specOf(release)} ${release.registry ?? "public"}.`
  const repository = source === undefined ? undefined : repositoryOf(source.repository)
  const address = run?.repository ?? repository?.url
  const manifest = {
    ...release.manifest, main: "index.js", license: LICENSE, ...(address === undefined ? {} : { repository: { type: "git", url: `git+${address}${address.endsWith(".git") ? "" : ".git"}` } }),
    ...orphaned(release, repository),
  }
  const files = {
    "package.json": `${JSON.stringify({ name, version, ...manifest }, null, 2)}\n`,
    "index.js": `// ${canary}\n${release.main ?? "module.exports = 'honest'\n"}`, ...release.files,
  }
  const commit = source?.isCommitted === true && repository !== undefined ? commitRelease(repository, release, files, makers.signingKey) : undefined
  const hidden = Object.fromEntries(Object.entries(source?.onlyPublished ?? {}).map(([path, text]) => [path, `// ${canary}\n${text}`]))
  const { publisher = { name: "nobody", email: "nobody@mail.replay.example" }, maintainers = [publisher] } = release
  const fixture: FixturePackage = {
    name, version, manifest, files: { ...files, ...hidden }, publisher: inRow(row, publisher).name, publishedAt: new Date(publishedAt(makers, release) * 1000).toISOString(),
    packument: {
      _npmUser: inRow(row, publisher), maintainers: maintainers.map((person) => inRow(row, person)), _npmVersion: makers.npmVersion, _nodeVersion: process.versions.node,
      ...(commit === undefined ? {} : { gitHead: commit }), ...release.packument,
    },
  }
  return { release, fixture, canary, sha512: buildFixture(fixture).sha512, source: commit === undefined || repository === undefined ? undefined : { repository: repository.url, commit } }
}

function commitRelease(repository: Repository, release: Release, files: Readonly<Record<string, string>>, key: SigningKey): string {
  const { source, version } = release
  const tag = source?.tag === false ? undefined : source?.tag ?? `v${version}`
  const isFamily = source?.tag !== undefined && source.tag !== false
  // A family of packages has one repository: what its commits hold is not rebuilt here, only looked for.
  const committed = isFamily ? { [`${release.name.replace(/^.*\//, "")}.txt`]: `${version}\n` } : files
  if (!isFamily) return repository.commit(committed, tag, source?.isSigned === true ? key.path : undefined)
  return tagLocally(repository, committed, tag as string)
}

const WHO = { GIT_AUTHOR_NAME: "Ann", GIT_AUTHOR_EMAIL: "ann@git.example", GIT_COMMITTER_NAME: "Ann", GIT_COMMITTER_EMAIL: "ann@git.example", GIT_AUTHOR_DATE: "1700000000 +0000", GIT_COMMITTER_DATE: "1700000000 +0000" }
const ENV = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", LANG: "C.UTF-8", ...WHO }

function git(repository: Repository, ...args: string[]): string {
  return execFileSync("git", args, { cwd: repository.work, env: ENV, stdio: ["ignore", "pipe", "pipe"] }).toString().trim()
}

const tagsWaiting = new WeakMap<Repository, Map<string, string>>()

/** Tags of a family: one commit for all, made once; the tags are pushed together. */
function tagLocally(repository: Repository, files: Readonly<Record<string, string>>, tag: string): string {
  const waiting = tagsWaiting.get(repository) ?? new Map<string, string>()
  tagsWaiting.set(repository, waiting)
  const commit = waiting.get("") ?? repository.commit(files)
  waiting.set("", commit)
  waiting.set(tag, commit)
  return commit
}

function pushAll(repositories: ReadonlyMap<string, Repository>): void {
  for (const [name, repository] of repositories) {
    const waiting = tagsWaiting.get(repository)
    if (waiting === undefined) continue
    const lines = [...waiting].flatMap(([tag, commit]) => (tag === "" ? [] : [`create refs/tags/${tag} ${commit}`]))
    const list = join(repository.work, "..", `${name.replace("/", "-")}.refs`)
    writeFileSync(list, `${lines.join("\n")}\n`)
    execFileSync("/bin/sh", ["-c", 'git --git-dir "$0" update-ref --stdin < "$1"', bareOf(repository), list], { env: ENV })
  }
}

function bareOf({ work }: Repository): string {
  return work.replace(/-work$/, ".git")
}

/** A commit without history, under a ref of its own, whose `prepare` acts when it is installed: what a fork leaves on a forge. */
function orphaned(release: Release, repository: Repository | undefined): Readonly<Record<string, unknown>> {
  const optional = release.manifest?.["optionalDependencies"] as Readonly<Record<string, string>> | undefined
  const [name, range] = Object.entries(optional ?? {})[0] ?? []
  if (range !== ORPHAN || repository === undefined || name === undefined) return {}
  const hash = (text: string): string => execFileSync("git", ["hash-object", "-w", "--stdin"], { cwd: repository.work, env: ENV, input: text }).toString().trim()
  const manifest = JSON.stringify({ name, version: "1.0.0", main: "index.js", scripts: { prepare: "node prepare.js" } })
  const tree = execFileSync("git", ["mktree"], { cwd: repository.work, env: ENV, input: `100644 blob ${hash("module.exports = 'setup'\n")}\tindex.js\n100644 blob ${hash(manifest)}\tpackage.json\n100644 blob ${hash(payload("row 18, orphan"))}\tprepare.js\n` }).toString().trim()
  const commit = git(repository, "commit-tree", "-m", "orphan", tree)
  git(repository, "push", "-q", bareOf(repository), `${commit}:refs/heads/setup`)
  return { optionalDependencies: { [name]: `git+${repository.url}#${commit}` } }
}

/** What the identity token of a release's run says. */
function runOf({ name, version, run = {} }: Release, commit: string | undefined): Run {
  const digest = createHash("sha1").update(`${name}@${version}`).digest("hex")
  return { repository: `https://github.com/replay/${name.replace(/^@/, "").replace("/", "-")}`, repositoryId: "4001", ownerId: "1001", ref: `refs/tags/v${version}`, workflow: WORKFLOW, inputs: [], commit: commit ?? digest, ...run }
}
