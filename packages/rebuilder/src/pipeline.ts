/**
 * One rebuild: find the source, clone it, check who signed it, choose a recipe, build in the sandbox, compare.
 *
 * A step that fails ends it with a `failed` result; only a comparison of what was built ends it with `compared`. Nothing here has
 * keys or credentials, and the published tarball is read by the comparison alone (THREATS A10).
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, mkdtemp, open, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isVouchsafeError, npmNameOf } from "@vouchsafe/core"
import { asObject } from "@vouchsafe/tarball"
import { build, sandboxLimits } from "./build/build.ts"
import { compareInSandbox, type Program } from "./compare/program.ts"
import { checkSignature, type GitPlace, type SignatureCheck, weightiestSignature } from "./git/index.ts"
import { chooseRecipe } from "./recipe/choose.ts"
import { findOverride } from "./recipe/overrides.ts"
import { PACKER_BYTES, packerOf } from "./recipe/packer.ts"
import { formatRecipe, type ManagerName, MANAGERS, type Recipe, recipeDigest } from "./recipe/recipe.ts"
import { limitsOf } from "./request.ts"
import type { Executor } from "./sandbox/executor.ts"
import { findSource, type FoundSource } from "./source/find-source.ts"
import { getToolchain, holdsPackage, type Toolchain } from "./toolchain/toolchain.ts"
import type { ComparedResult, FailedResult, FailureCode, RebuildEvent, RebuildRequest, RebuildResult } from "./types.ts"
import { startFrozenView } from "./view/frozen-view.ts"
import { startGitProxy } from "./view/git-proxy.ts"

/** What a rebuild runs with. */
export interface RebuildWorld {
  readonly executor: Executor
  /** How the comparison is started. */
  readonly program: Program
  /** Folder of reviewed recipes. */
  readonly recipes: string
  readonly nowMs: () => number
  readonly onEvent: (event: RebuildEvent) => void
}

const GIT_PROXY_PORT = 3128
const SOCKETS_PREFIX = "vs-rebuild-"

/** Ends a rebuild with a result; thrown and caught in this file. */
class Failure extends Error {
  readonly result: FailedResult

  constructor(step: string, code: FailureCode, detail: string) {
    super(detail)
    this.result = { status: "failed", step, code, detail }
  }
}

/** Everything about one run that its steps share. */
interface Run {
  readonly request: RebuildRequest
  readonly world: RebuildWorld
  readonly name: string
  readonly version: string
  /** Folder with short paths for unix sockets. */
  readonly sockets: string
  readonly step: (name: string) => void
  readonly log: (chunk: Uint8Array | string) => void
}

/** Rebuilds. Never rejects for anything that a source, a registry or a build does. */
export async function rebuild(request: RebuildRequest, world: RebuildWorld): Promise<RebuildResult> {
  const sockets = await mkdtemp(join(tmpdir(), SOCKETS_PREFIX))
  let current = "start"
  const step = (name: string): void => {
    current = name
    world.onEvent({ type: "step", name })
  }
  const log = (chunk: Uint8Array | string): void => world.onEvent({ type: "log", text: typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8") })
  try {
    return await runAll({ request, world, ...npmNameOf(request.purl), sockets, step, log })
  } catch (error) {
    if (error instanceof Failure) return error.result
    if (isVouchsafeError(error) && error.kind !== "misbehavior") return { status: "failed", step: current, code: "BUILD_FAILED", detail: error.message }
    throw error
  } finally {
    await rm(sockets, { recursive: true, force: true })
  }
}

async function runAll(run: Run): Promise<ComparedResult> {
  const { request, world, step } = run
  const startedAt = seconds(world)
  step("sandbox")
  const sandbox = await world.executor.describe().catch((error: unknown) => { throw new Failure("sandbox", "SANDBOX_UNAVAILABLE", messageOf(error)) })
  step("published tarball")
  if (await sha512Of(request.tarball) !== request.sha512) throw new Failure("published tarball", "TARBALL_HOSTILE", "the published tarball does not have the digest that the request names")
  step("source")
  const { found, signature } = await fetchSource(run)
  step("recipe")
  const { recipe, override } = await recipeFor(run, found)
  step("package managers")
  const toolchains = await toolchainsFor(run, recipe)
  const rebuilt = await buildWith(run, found, recipe, toolchains)
  step("compare")
  const comparison = await compare(run, rebuilt)
  const pack = recipe.steps.at(-1)
  const packer: ManagerName = pack !== undefined && "pack" in pack ? pack.pack.manager : "npm"
  return {
    status: "compared", match: comparison.match,
    source: { repository: found.repository, commit: found.source.commit.id, ref: found.source.ref, foundBy: found.foundBy, directory: found.directory, signature: signature.fact },
    recipe: { sha256: recipeDigest(recipe), override, document: formatRecipe(recipe) },
    environment: { frozenAt: request.frozenAt, node: process.versions.node, manager: `${packer}@${recipe.managers[packer] ?? ""}`, platform: `${process.platform}-${process.arch}`, sandbox },
    rebuilt: comparison.rebuilt,
    differences: { count: comparison.count, classes: comparison.classes, document: comparison.document, diff: comparison.diff },
    startedAt, finishedAt: seconds(world),
  }
}

async function fetchSource(run: Run): Promise<{ found: FoundSource, signature: SignatureCheck }> {
  const { request, world, name, version, sockets, log } = run
  const limits = limitsOf(request)
  const socket = join(sockets, "git.sock")
  const needsProxy = request.gitProtocols.some((protocol) => protocol !== "file")
  const proxy = needsProxy ? await startGitProxy({ socket, hosts: request.gitHosts, protocols: request.gitProtocols, allowPrivateAddresses: request.allowPrivateAddresses }) : undefined
  const deadlineMs = world.nowMs() + limits.cloneTimeMs
  const place = (folder: string): GitPlace => ({
    executor: world.executor, folder, limits: { ...sandboxLimits(limits), timeMs: limits.cloneTimeMs }, now: world.nowMs, deadlineMs, onOutput: log,
    ...(proxy === undefined ? {} : { proxy: { socket, port: GIT_PROXY_PORT } }),
  })
  try {
    const found = await findSource({ name, version, request, place, workspace: request.workspace })
    if (!found.ok) throw new Failure("source", found.failure.code, found.failure.detail)
    for (const note of found.value.notes) log(`passed over ${note}\n`)
    const { source, foundBy } = found.value
    log(`commit ${source.commit.id} of ${found.value.repository}, by ${foundBy.join(", ")}\n`)
    const check = (object: Parameters<typeof checkSignature>[0]["object"]): Promise<SignatureCheck> =>
      checkSignature({ object, allowedSigners: request.allowedSigners ?? "", openpgp: { executor: world.executor, folder: request.workspace } })
    const signature = weightiestSignature([await check(source.commit), ...await Promise.all(source.tags.map(check))])
    log(`${signature.detail}\n`)
    return { found: found.value, signature }
  } finally {
    await proxy?.close()
  }
}

async function recipeFor({ request, world, name, version, log }: Run, found: FoundSource): Promise<{ recipe: Recipe, override: boolean }> {
  try {
    if (request.recipe !== undefined) return { recipe: request.recipe, override: true }
    const reviewed = await findOverride(world.recipes, name, version)
    if (reviewed !== undefined) log(`reviewed recipe: ${reviewed.reason}\n`)
    if (reviewed !== undefined) return { recipe: reviewed.recipe, override: true }
    const packer = packerOf(await startOf(request.tarball))
    return { recipe: chooseRecipe({ source: found.files, directory: found.directory, manifest: asObject(request.manifest), packer }), override: false }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new Failure("recipe", "RECIPE_INVALID", error.message)
  }
}

async function toolchainsFor({ request, name, version, log }: Run, recipe: Recipe): Promise<readonly Toolchain[]> {
  const folder = request.toolchains ?? join(request.workspace, "toolchains")
  await mkdir(folder, { recursive: true })
  const toolchains: Toolchain[] = []
  for (const manager of MANAGERS) {
    const wanted = recipe.managers[manager]
    if (wanted === undefined) continue
    log(`${manager}@${wanted}\n`)
    toolchains.push(await getToolchain(manager, wanted, { registry: request.upstream.registry, folder, allowPrivateAddresses: request.allowPrivateAddresses }).catch((error: unknown) => {
      throw new Failure("package managers", "TOOLCHAIN_FAILED", messageOf(error))
    }))
  }
  // What packs and runs nothing of the source cannot copy anything either.
  if (recipe.steps.length > 1) {
    for (const toolchain of toolchains) {
      if (await holdsPackage(toolchain, name, version)) throw new Failure("package managers", "TOOLCHAIN_FAILED", `${toolchain.manager}@${toolchain.version} holds ${name}@${version} itself, so a build could copy it instead of making it`)
    }
  }
  return toolchains
}

async function buildWith(run: Run, found: FoundSource, recipe: Recipe, toolchains: readonly Toolchain[]): Promise<string> {
  const { request, world, name, version, sockets, step, log } = run
  const socket = join(sockets, "view.sock")
  const view = await startFrozenView({
    socket, frozenAt: request.frozenAt, target: { name, version, sha512: request.sha512 }, upstream: request.upstream, allowPrivateAddresses: request.allowPrivateAddresses,
    log: (line) => log(`registry: ${line}\n`),
  })
  try {
    const outcome = await build({
      executor: world.executor, recipe, toolchains, source: found.source.folder, workspace: await mkdtemp(join(request.workspace, "build-")), view: socket,
      frozenAt: request.frozenAt, limits: limitsOf(request), onStep: step, onOutput: log,
    })
    if (!outcome.ok) throw new Failure(outcome.step, outcome.code, outcome.detail)
    return outcome.tarball
  } finally {
    await view.close()
  }
}

async function compare({ request, world }: Run, rebuilt: string): Promise<Extract<Awaited<ReturnType<typeof compareInSandbox>>, { ok: true }>["comparison"]> {
  const found = await compareInSandbox(world.executor, world.program, { published: request.tarball, rebuilt, workspace: request.workspace })
  if (!found.ok) throw new Failure("compare", found.side === "unavailable" ? "SANDBOX_UNAVAILABLE" : "TARBALL_HOSTILE", found.detail)
  const { comparison } = found
  const isSame = comparison.published.sha512 === comparison.rebuilt.sha512
  if (comparison.published.sha512 !== request.sha512 || comparison.rebuilt.sha512 !== await sha512Of(rebuilt) || isSame !== (comparison.match === "tgz")) {
    throw new Failure("compare", "TARBALL_HOSTILE", "the comparison names other digests than the files have")
  }
  return comparison
}

async function sha512Of(path: string): Promise<string> {
  const hash = createHash("sha512")
  for await (const bytes of createReadStream(path)) hash.update(bytes as Uint8Array)
  return hash.digest("hex")
}

async function startOf(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PACKER_BYTES), 0, PACKER_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function seconds({ nowMs }: RebuildWorld): number {
  return Math.floor(nowMs() / 1000)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
