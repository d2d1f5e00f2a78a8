/**
 * Package managers of given versions, fetched from the configured registry, checked against their integrity and unpacked
 * once. Builds see the folders read-only; nothing of them is run outside of a sandbox.
 *
 * @packageDocumentation
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { isVouchsafeError, nobleCrypto, sha512OfSri, shown, VouchsafeError } from "@vouchsafe/core"
import { asObject, type ForeignObject, member, readTarball, TARBALL_LIMITS } from "@vouchsafe/tarball"
import { EXACT_VERSION, type ManagerName } from "../recipe/recipe.ts"
import { createUpstreamFetch, type UpstreamFetch } from "../view/guarded.ts"

/** A package manager on disk. */
export interface Toolchain {
  readonly manager: ManagerName
  readonly version: string
  /** Folder of the host. */
  readonly folder: string
  /** Commands by name, as paths below the folder that Node runs. */
  readonly commands: Readonly<Record<string, string>>
}

/** Where toolchains come from and go to. */
export interface ToolchainOptions {
  /** Default registry, with a slash at its end. */
  readonly registry: string
  /** Folder that they are kept in from one rebuild to the next. */
  readonly folder: string
  /** Whether tarballs may lie on hosts in private networks other than the registry's own. Default false. */
  readonly allowPrivateAddresses?: boolean
  /** Default: over the network, with the guards of THREATS A8. */
  readonly fetch?: UpstreamFetch
}

const PACKUMENT_BYTES_MAX = 64 * 1024 * 1024
const FETCH_TIMEOUT_MS = 120_000
const OK = 200
const NOT_FOUND = 404
/** Marks a folder that was unpacked whole. */
const DONE_FILE = ".vouchsafe-complete"
const YARN_BERRY_MAJOR = 2

/** Name of the package that holds a manager's version. */
export function packageOf(manager: ManagerName, version: string): string {
  return manager === "yarn" && Number.parseInt(version, 10) >= YARN_BERRY_MAJOR ? "@yarnpkg/cli-dist" : manager
}

/**
 * Brings a package manager here.
 * @throws VouchsafeError UPSTREAM_FAILED, UNREACHABLE, ADDRESS_REFUSED, NOT_FOUND, TIMEOUT, TARBALL_*: it cannot be had.
 */
export async function getToolchain(manager: ManagerName, version: string, options: ToolchainOptions): Promise<Toolchain> {
  if (!EXACT_VERSION.test(version)) throw new TypeError(`version is ${shown(version)}, expected an exact one`)
  const folder = join(options.folder, `${manager}-${version}`)
  const isThere = await stat(join(folder, DONE_FILE)).then(() => true, () => false)
  if (!isThere) await install(manager, version, folder, options)
  return { manager, version, folder, commands: await commandsOf(folder, manager) }
}

async function install(manager: ManagerName, version: string, folder: string, options: ToolchainOptions): Promise<void> {
  const { url, sha512 } = await findTarball(packageOf(manager, version), version, options)
  const bytes = await get(url, "application/octet-stream", TARBALL_LIMITS.tgzBytesMax, options)
  await mkdir(options.folder, { recursive: true })
  const fresh = await mkdtemp(join(options.folder, ".fresh-"))
  try {
    await unpack(bytes, sha512, fresh)
    await writeFile(join(fresh, DONE_FILE), "")
    await chmod(fresh, 0o755)
    await rename(fresh, folder).catch(async (error: NodeJS.ErrnoException) => {
      // Another rebuild was as fast: its folder went through the same check.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

async function findTarball(name: string, version: string, options: ToolchainOptions): Promise<{ url: string, sha512: string }> {
  const bytes = await get(`${options.registry}${name.replace("/", "%2f")}`, "application/vnd.npm.install-v1+json", PACKUMENT_BYTES_MAX, options)
  const packument = asObject(parseJson(bytes, name)) ?? {}
  const manifest = asObject(member(asObject(member(packument, "versions")) ?? {}, version))
  const dist: ForeignObject = asObject(manifest === undefined ? undefined : member(manifest, "dist")) ?? {}
  const [url, integrity] = [member(dist, "tarball"), member(dist, "integrity")]
  if (manifest === undefined) throw new VouchsafeError("NOT_FOUND", `the registry has no ${name}@${version}, which packs this package`, { hint: "a recipe of your own can name another version" })
  const digest = typeof integrity === "string" ? sha512OfSri(integrity) : undefined
  if (typeof url !== "string" || digest === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `the registry says no sha512 integrity of ${name}@${version}, and nothing unchecked is run`)
  if (!URL.canParse(url, options.registry)) throw new VouchsafeError("UPSTREAM_FAILED", `the registry says no address of ${name}@${version} that can be read`)
  return { url: new URL(url, options.registry).href, sha512: digest }
}

async function get(url: string, accept: string, bytesMax: number, options: ToolchainOptions): Promise<Uint8Array> {
  const fetch = options.fetch ?? createUpstreamFetch({ registries: [options.registry], allowPrivateAddresses: options.allowPrivateAddresses ?? false })
  try {
    const answer = await fetch(url, accept, AbortSignal.timeout(FETCH_TIMEOUT_MS))
    try {
      if (answer.status !== OK) throw new VouchsafeError(answer.status === NOT_FOUND ? "NOT_FOUND" : "UPSTREAM_FAILED", `${shown(url)} answered with ${answer.status}`)
      const parts: Uint8Array[] = []
      let length = 0
      for await (const part of answer.body) {
        length += part.length
        if (length > bytesMax) throw new VouchsafeError("UPSTREAM_FAILED", `${shown(url)} is longer than ${bytesMax} bytes`)
        parts.push(part)
      }
      return Buffer.concat(parts)
    } finally {
      answer.close()
    }
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("UPSTREAM_FAILED", `${shown(url)} cannot be fetched: ${cause instanceof Error ? cause.message : "unknown"}`, { cause })
  }
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"))
  } catch (cause) {
    throw new VouchsafeError("UPSTREAM_FAILED", `the packument of ${name} does not parse`, { cause })
  }
}

/** Unpacks with the strict reader: it refuses whatever could land outside of the folder. */
async function unpack(bytes: Uint8Array, sha512: string, folder: string): Promise<void> {
  const contents = new Map<string, Uint8Array>()
  const { files } = await readTarball(bytes, {
    crypto: nobleCrypto, origin: "", expected: { sha512, sha1: undefined },
    content: { wants: () => true, add: (path, content) => { contents.set(path, content) } },
  })
  for (const folderPath of new Set(files.map(({ path }) => dirname(path)))) await mkdir(join(folder, folderPath), { recursive: true })
  for (const { path, executable } of files) await writeFile(join(folder, path), contents.get(path) ?? "", { mode: executable ? 0o755 : 0o644, flag: "wx" })
}

const EXTRA_COMMANDS: Readonly<Record<ManagerName, readonly string[]>> = { npm: ["npm", "npx"], pnpm: ["pnpm", "pnpx"], yarn: ["yarn", "yarnpkg"] }

async function commandsOf(folder: string, manager: ManagerName): Promise<Readonly<Record<string, string>>> {
  const manifest = asObject(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))) ?? {}
  const bin = asObject(member(manifest, "bin")) ?? {}
  const found = EXTRA_COMMANDS[manager].map((name) => [name, member(bin, name)] as const)
    .filter((pair): pair is readonly [string, string] => typeof pair[1] === "string").map(([name, path]) => [name, path.replace(/^\.\//, "")] as const)
  if (!found.some(([name]) => name === manager)) throw new VouchsafeError("UPSTREAM_FAILED", `the package of ${manager} has no command ${manager}`)
  return Object.fromEntries(found)
}

/**
 * Whether a manager brings the very package along that is to be rebuilt: then a build could copy it instead of building
 * it (npm holds some hundred packages).
 */
export async function holdsPackage(toolchain: Toolchain, name: string, version: string): Promise<boolean> {
  const visit = async (folder: string, depth: number): Promise<boolean> => {
    if (depth > HELD_DEPTH_MAX) return false
    const modules = join(folder, "node_modules")
    if (await manifestSays(join(modules, name), version)) return true
    const entries = await readdir(modules, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (!entry.isDirectory()) continue
      const inner = entry.name.startsWith("@") ? (await readdir(join(modules, entry.name))).map((part) => join(modules, entry.name, part)) : [join(modules, entry.name)]
      for (const path of inner) if (await visit(path, depth + 1)) return true
    }
    return false
  }
  return toolchain.manager === name && toolchain.version === version || await visit(toolchain.folder, 0)
}

const HELD_DEPTH_MAX = 8

async function manifestSays(folder: string, version: string): Promise<boolean> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined)
  return text !== undefined && member(asObject(JSON.parse(text)) ?? {}, "version") === version
}
