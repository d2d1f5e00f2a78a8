import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { cacheFolder, ROOT } from "./folders.ts"
import { unpackTarball } from "@vouchsafe/testkit/registry"
import { getManager } from "./managers.ts"
import { runOk } from "./process.ts"

/** The packages that people install, by folder. */
const PUBLISHED = ["cli", "node", "rebuilder", "registry-shim", "pnpm-plugin", "yarn-plugin"] as const
const BUILD_MS_MAX = 600_000
const TRIES_MAX = 3

/** A package as it would be published. */
export interface Packed {
  readonly name: string
  readonly version: string
  readonly manifest: Readonly<Record<string, unknown>>
  /** The .tgz. */
  readonly path: string
}

/**
 * Builds and packs our published packages. The result is kept by the digest of all sources, so that only the first file of a run pays.
 */
export async function packAll(): Promise<Packed[]> {
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const digest = sourcesDigest()
    const folder = join(cacheFolder("packed"), digest)
    if (existsSync(folder)) return readPacked(folder)
    const fresh = mkdtempSync(join(cacheFolder("tmp"), "packed-"))
    await buildAndPack(fresh)
    // Somebody edited while it was built: what was packed belongs to neither digest.
    if (sourcesDigest() === digest) moveTo(fresh, folder)
    else rmSync(fresh, { recursive: true })
    if (existsSync(folder)) return readPacked(folder)
  }
  throw new Error(`the sources changed during each of ${TRIES_MAX} builds`)
}

/** Another file of the same run may have been faster; what it packed is the same. */
function moveTo(fresh: string, folder: string): void {
  try {
    renameSync(fresh, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
    rmSync(fresh, { recursive: true })
  }
}

async function buildAndPack(to: string): Promise<void> {
  // turbo and npm scripts find their pnpm, and the Node that runs this, on the PATH.
  const { binDir } = await getManager("pnpm10")
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    PATH: [binDir, dirname(process.execPath), join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1", NO_COLOR: "1",
  }
  await runOk(["turbo", "run", "build", "--output-logs=errors-only"], { cwd: ROOT, env, limitMs: BUILD_MS_MAX })
  for (const name of PUBLISHED) await runOk(["pnpm", "pack", "--pack-destination", to], { cwd: join(ROOT, "packages", name), env })
}

function readPacked(folder: string): Packed[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".tgz"))
  return PUBLISHED.map((name) => {
    const own = JSON.parse(readFileSync(join(ROOT, "packages", name, "package.json"), "utf8")) as { name: string; version: string }
    const file = `${own.name.replace(/^@/, "").replace("/", "-")}-${own.version}.tgz`
    if (!files.includes(file)) throw new Error(`pnpm pack made ${files.join(", ")}, expected ${file}`)
    const path = join(folder, file)
    return { name: own.name, version: own.version, manifest: packedManifest(path), path }
  })
}

/** The package.json inside, with `workspace:` rewritten: what the registry would show. */
function packedManifest(path: string): Record<string, unknown> {
  const text = fileOf(path, "package/package.json")
  return JSON.parse(text) as Record<string, unknown>
}

function fileOf(tgz: string, name: string): string {
  const member = unpackTarball(readFileSync(tgz)).find(({ path }) => path === name)
  if (member === undefined) throw new Error(`${tgz} holds no ${name}`)
  return Buffer.from(member.content).toString("utf8")
}

function sourcesDigest(): string {
  const hash = createHash("sha256")
  const add = (relative: string): void => {
    const path = join(ROOT, relative)
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (!["node_modules", "dist", "test", ".turbo", "bench", ".test-report.json"].includes(name)) add(join(relative, name))
    } else hash.update(`${relative}\0`).update(readFileSync(path)).update("\0")
  }
  for (const name of ["packages", "package.json", "pnpm-lock.yaml", "turbo.json"]) add(name)
  return hash.digest("hex").slice(0, 24)
}
