/**
 * Rebuilds packages whose outcome is known from real sources, and prints a table. Run by hand, beside a folder of repositories
 * (`owner+name/repo`, bare) and with the registry of the person's npm configuration:
 *
 *     node --conditions=source packages/rebuilder/scripts/try-cases.ts FOLDER [case …]
 *
 * The cases are those of data/rebuild/cases.json of the shared material.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { npmPurl } from "@vouchsafe/core"
import { sharedPath } from "@vouchsafe/config/shared"
import { programOf } from "../src/compare/program.ts"
import { DEFAULT_VERSIONS } from "../src/recipe/managers.ts"
import { rebuild } from "../src/pipeline.ts"
import { type Recipe, RECIPE_FORMAT } from "../src/recipe/recipe.ts"
import { createBubblewrap } from "../src/sandbox/bubblewrap.ts"
import { REQUEST_FORMAT } from "../src/types.ts"

interface Case {
  readonly case: string
  readonly package: string
  readonly repo: string
  readonly commit: string
  readonly outcome: "exact" | "differs"
  readonly tgz_byte_identical: boolean
  readonly install: string
  readonly build: string
  readonly only_published: readonly string[]
  readonly only_rebuilt: readonly string[]
  readonly content_differs: readonly string[]
  readonly sha512_published: string
}

const [folder = "", ...only] = process.argv.slice(2)
const registry = `${execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim().replace(/\/+$/, "")}/`
const cases = (JSON.parse(readFileSync(sharedPath("data/rebuild/cases.json"), "utf8")) as Case[]).filter((item) => only.length === 0 || only.includes(item.case))
const toolchains = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "vouchsafe-try", "toolchains")
mkdirSync(toolchains, { recursive: true })
const NAIVE: Recipe = { format: RECIPE_FORMAT, managers: { npm: DEFAULT_VERSIONS.npm }, steps: [{ pack: { manager: "npm", directory: "" } }] }

interface Outcome { readonly line: readonly string[], readonly ok: boolean, readonly more: string }

async function tryCase(item: Case): Promise<Outcome> {
  const at = item.package.lastIndexOf("@")
  const [name, version] = [item.package.slice(0, at), item.package.slice(at + 1)]
  const repository = resolve(folder, item.repo.replace("/", "+"), "repo")
  if (!existsSync(repository)) return { line: [item.case, item.outcome, "not here", "", ""], ok: true, more: "" }
  const packument = await (await fetch(`${registry}${name.replace("/", "%2f")}`)).json() as { versions: Record<string, { dist: { tarball: string } }> }
  const manifest = packument.versions[version]
  const tgz = Buffer.from(await (await fetch(manifest?.dist.tarball ?? "")).arrayBuffer())
  const sha512 = createHash("sha512").update(tgz).digest("hex")
  if (sha512 !== item.sha512_published) throw new Error(`${item.package}: the registry serves other bytes than the case names`)
  const workspace = mkdtempSync(join(tmpdir(), "try-"))
  try {
    const tarball = join(workspace, "published.tgz")
    writeFileSync(tarball, tgz)
    mkdirSync(join(workspace, "work"))
    const log: string[] = []
    const isNaive = item.outcome === "differs" && item.install === ""
    const result = await rebuild({
      format: REQUEST_FORMAT, purl: npmPurl(name, version), registry, tarball, sha512, manifest, publishedAt: null, frozenAt: Math.floor(Date.now() / 1000),
      source: { repository: `file://${repository}`, commit: item.commit }, ...(isNaive ? { recipe: NAIVE } : {}), workspace: join(workspace, "work"), toolchains,
      upstream: { registry }, gitProtocols: ["file"], gitHosts: [], allowPrivateAddresses: true,
    }, {
      executor: createBubblewrap(), program: programOf(new URL("../src/bin.ts", import.meta.url).href), recipes: fileURLToPath(new URL("../recipes/", import.meta.url)), nowMs: () => Date.now(),
      onEvent: (event) => { if (event.type !== "result") log.push(event.type === "step" ? `== ${event.name}\n` : event.text) },
    })
    if (process.env["SHOW"] !== undefined) process.stdout.write(log.join(""))
    if (result.status === "failed") return { line: [item.case, item.outcome, `failed ${result.code}`, result.step, ""], ok: false, more: result.detail }
    const document = JSON.parse(result.differences.document) as { files: { path: string, class: string }[] }
    const isRight = item.outcome === "exact" ? result.match !== "none" : result.match === "none"
    const named = new Set(document.files.map(({ path }) => path))
    const missing = [...item.only_published, ...item.only_rebuilt, ...item.content_differs].filter((path) => !named.has(path))
    const recipe = (JSON.parse(result.recipe.document) as Recipe).steps.map((step) => Object.entries(step).map(([kind, value]) => `${kind} ${"manager" in value ? value.manager : value.name}${"script" in value ? ` ${value.script}` : ""}`).join()).join(", ")
    const seconds = result.finishedAt - result.startedAt
    return {
      line: [item.case, item.outcome === "exact" ? `exact${item.tgz_byte_identical ? " (tgz)" : ""}` : "differs", result.match, `${recipe} · ${result.environment.manager}${result.recipe.override ? " (given)" : ""}`, Object.entries(result.differences.classes).map(([kind, count]) => `${count} ${kind}`).join(", "), `${seconds} s`, result.source.foundBy.join("+"), result.source.signature.state],
      ok: isRight && missing.length === 0, more: missing.length > 0 ? `not named: ${missing.join(", ")}` : process.env["SHOW"] !== undefined ? result.differences.diff : "",
    }
  } finally {
    rmSync(workspace, { recursive: true, force: true })
  }
}

let failures = 0
for (const item of cases) {
  const { line, ok, more } = await tryCase(item)
  if (!ok) failures += 1
  process.stdout.write(`| ${[ok ? "ok" : "WRONG", ...line].join(" | ")} |\n${more === "" ? "" : `${more}\n`}`)
}
process.exitCode = failures === 0 ? 0 : 1
