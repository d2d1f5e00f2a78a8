import { loadNpmConfig } from "@vouchsafe/client/node"
import { escapeForDisplay, HEX_COMMIT, isVouchsafeError } from "@vouchsafe/core"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseSpec, type Spec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say } from "../output.ts"
import { type Compared, type Failed, runRebuilder } from "../rebuild/rebuilder.ts"
import { fetchPublished, hashFile, type Published } from "../release/published.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface Flags {
  readonly source?: string
  readonly commit?: string
  readonly directory?: string
  readonly tarball?: string
  readonly recipe?: string
  readonly frozenAt?: string
  readonly allowedSigners?: string
  readonly log?: boolean
  readonly json?: boolean
}

/** Hosts that repositories are cloned from without being named. */
const GIT_HOSTS = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"]
const MS_PER_SECOND = 1000
const DIFFERENCES_SHOWN_MAX = 40
/** Of a recipe, and of a file of allowed signers. */
const FILE_BYTES_MAX = 1024 * 1024
const SAYS = { tgz: "the same .tgz", tar: "the same tar inside", contents: "the same files", none: "other files" } as const
/** Failures of the world, as opposed to those of the source. */
const WORLD: ReadonlySet<string> = new Set(["SANDBOX_UNAVAILABLE", "CLONE_FAILED", "TOOLCHAIN_FAILED", "SOURCE_NOT_FOUND"])
const HINTS: Readonly<Record<string, string>> = {
  SANDBOX_UNAVAILABLE: "install bubblewrap 0.8.0 or later on Linux; nothing is built without a sandbox. A node can build instead: vouchsafe build",
  SOURCE_NOT_FOUND: "name the source: --source URL --commit SHA",
  COMMIT_UNREACHABLE: "name a commit of a branch or tag; a pull request's does not count",
  TOOLCHAIN_FAILED: "name other versions in a recipe of your own: --recipe FILE",
  BUILD_FAILED: "--log shows all output; --recipe FILE builds it in another way, --frozen-at DATE with a later registry",
}

/** `rebuild SPEC`: builds a package from its source on this machine and compares. Tells nobody. */
export const registerRebuild: Register = (program, io, done) => {
  program.command("rebuild").description("build a package from its source here, in a sandbox, and compare it with what was published")
    .argument("<spec>", "name@version").option("--source <url>", "the repository, with --commit (default: as the registry names it)").option("--commit <sha>", "the commit, 40 or 64 hex digits")
    .option("--directory <path>", "the package's folder in the repository").option("--tarball <file>", "the published file (default: from the registry)")
    .option("--recipe <file>", "a vouchsafe-recipe/v1 document (default: chosen from the source)").option("--frozen-at <date>", "dependencies as they were then (default: when it was published)")
    .option("--allowed-signers <file>", "whose signatures of commits count: git's allowed_signers, armored OpenPGP keys, or both").option("--log", "print what the steps print").option("--json", "one JSON document on stdout")
    .action(async (text: string, flags: Flags) => { done(await rebuild(io, parseSpec(text), flags)) })
}

async function rebuild(io: CliIo, spec: Spec, flags: Flags): Promise<number> {
  const source = sourceOf(io, flags)
  const frozenAt = flags.frozenAt === undefined ? undefined : secondsOf(flags.frozenAt)
  const recipe = flags.recipe === undefined ? undefined : readDocument(resolve(io.cwd, flags.recipe))
  const allowedSigners = flags.allowedSigners === undefined ? undefined : readText(resolve(io.cwd, flags.allowedSigners))
  const registries = await loadNpmConfig({ dir: io.cwd, env: io.env as NodeJS.ProcessEnv })
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "vouchsafe-rebuild-")))
  try {
    const published = await publishedOf(registries, spec, flags)
    const tarball = flags.tarball === undefined ? join(folder, "published.tgz") : resolve(io.cwd, flags.tarball)
    if (flags.tarball === undefined && published !== undefined) writeFileSync(tarball, published.bytes, { mode: 0o600 })
    const publishedAt = published?.time === undefined ? null : Math.floor(Date.parse(published.time) / MS_PER_SECOND)
    if (frozenAt === undefined && publishedAt === null) say(io, "vouchsafe: the registry does not say when it was published; dependencies are those of today")
    const workspace = join(folder, "work")
    mkdirSync(workspace)
    const result = await runRebuilder(io, {
      format: "vouchsafe-rebuild-request/v1", purl: spec.purl, registry: registries.registryFor(spec.name), tarball, sha512: flags.tarball === undefined && published !== undefined ? published.sha512 : hashFile(tarball),
      manifest: published?.manifest ?? null, publishedAt, frozenAt: frozenAt ?? publishedAt ?? Math.floor(Date.now() / MS_PER_SECOND), workspace, toolchains: cacheFolder(io),
      upstream: { registry: registries.default, scopes: registries.scopes }, ...protocolsOf(source), ...(source === undefined ? {} : { source }), ...(recipe === undefined ? {} : { recipe }),
      ...(allowedSigners === undefined ? {} : { allowedSigners }),
    }, {
      onStep: (name) => { if (io.isTty || flags.log === true) say(io, `vouchsafe: ${escapeForDisplay(name)}`) },
      // A stranger's build may print anything: line ends stay, whatever could move a terminal's cursor does not.
      onLog: (text) => { if (flags.log === true) io.stderr.write(text.split("\n").map(escapeForDisplay).join("\n")) },
    })
    return result.status === "failed" ? printFailure(io, result, flags) : printComparison(io, spec, result, flags)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function printComparison(io: CliIo, spec: Spec, { match, source, recipe, environment, differences }: Compared, { json }: Flags): number {
  const { files } = JSON.parse(differences.document) as { files: { path: string; class: string }[] }
  if (json === true) {
    printJson(io, { match, differences: files, count: differences.count, classes: differences.classes, source, recipe: { sha256: recipe.sha256, override: recipe.override, document: JSON.parse(recipe.document) as unknown }, environment, diff: differences.diff })
  } else {
    const from = `${source.repository} at ${source.commit} (${source.foundBy.join(", ")}; commit ${source.signature.state})`
    printLines(io, [
      `${spec.name}@${spec.version}: ${SAYS[match]} (${match})`, `  from ${escapeForDisplay(from)}`, `  by recipe ${recipe.sha256.slice(0, 16)}${recipe.override ? " (not the rules' own)" : ""}, ${String(environment["manager"])}, Node ${String(environment["node"])}`,
      ...files.slice(0, DIFFERENCES_SHOWN_MAX).map((file) => `  ${file.class}: ${escapeForDisplay(file.path)}`),
      ...(differences.count > DIFFERENCES_SHOWN_MAX ? [`  and ${differences.count - DIFFERENCES_SHOWN_MAX} more`] : []),
      ...(differences.diff === "" ? [] : ["", ...differences.diff.trimEnd().split("\n")]),
    ])
  }
  return match === "none" ? EXIT.refused : EXIT.done
}

function printFailure(io: CliIo, { code, step, detail }: Failed, { json }: Flags): number {
  const hint = HINTS[code]
  if (json === true) printJson(io, { error: { code, message: detail, step, ...(hint === undefined ? {} : { hint }) } })
  say(io, `vouchsafe: ${code} at ${escapeForDisplay(step)}: ${detail.split("\n").map(escapeForDisplay).join("\n  ")}${hint === undefined ? "" : `\n  next: ${hint}`}`)
  return WORLD.has(code) ? EXIT.world : EXIT.refused
}

/** What the registry has of the version; where file and source are given, what it can tell of it is welcome and not needed. */
async function publishedOf(registries: Awaited<ReturnType<typeof loadNpmConfig>>, spec: Spec, { tarball, source }: Flags): Promise<Published | undefined> {
  try {
    return await fetchPublished(registries, spec)
  } catch (error) {
    if (tarball !== undefined && source !== undefined && isVouchsafeError(error) && error.kind === "operational") return undefined
    throw error
  }
}

function sourceOf(io: CliIo, { source, commit, directory }: Flags): { repository: string; commit: string; directory?: string } | undefined {
  if (source === undefined && commit === undefined && directory === undefined) return undefined
  if (source === undefined || commit === undefined) throw usage("--source and --commit belong together, expected both or neither")
  if (!HEX_COMMIT.test(commit)) throw usage(`--commit is "${escapeForDisplay(commit)}", expected 40 or 64 lower-case hex digits`)
  const isFolder = isAbsolute(source) || source.startsWith("./") || source.startsWith("../")
  return { repository: isFolder ? pathToFileURL(realpathSync(resolve(io.cwd, source))).href : source, commit, ...(directory === undefined ? {} : { directory }) }
}

/** Who names a source on the command line names its host, too, wherever that is. */
function protocolsOf(source: { repository: string } | undefined): { gitProtocols: string[]; gitHosts: string[]; allowPrivateAddresses: boolean } {
  const url = source !== undefined && URL.canParse(source.repository) ? new URL(source.repository) : undefined
  const protocol = url?.protocol.replace(/^git\+|:$/g, "")
  const gitProtocols = protocol === "http" || protocol === "file" ? ["https", protocol] : ["https"]
  return { gitProtocols, gitHosts: url === undefined || url.host === "" ? GIT_HOSTS : [...new Set([...GIT_HOSTS, url.host])], allowPrivateAddresses: true }
}

function secondsOf(date: string): number {
  const ms = Date.parse(date)
  if (!/^\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z)?$/.test(date) || !Number.isFinite(ms)) throw usage(`--frozen-at is "${escapeForDisplay(date)}", expected a date such as 2026-01-31 or 2026-01-31T12:00:00Z`)
  return Math.floor(ms / MS_PER_SECOND)
}

function readText(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isFile() !== true) throw usage(`${path} is no file`)
  if (found.size > FILE_BYTES_MAX) throw usage(`${path} has ${found.size} bytes, expected at most ${FILE_BYTES_MAX}`)
  return readFileSync(path, "utf8")
}

function readDocument(path: string): unknown {
  try {
    return JSON.parse(readText(path))
  } catch (error) {
    if (error instanceof SyntaxError) throw usage(`${path} is no JSON`)
    throw error
  }
}

function cacheFolder({ env }: CliIo): string {
  const folder = join(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache"), "vouchsafe", "toolchains")
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  return folder
}
