import { loadNpmConfig } from "@vouchsafe/client/node"
import { parseJson, registryIdOf, shown, VouchsafeError } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines } from "../output.ts"
import { usage } from "../usage.ts"

/** What `attestation update` was told. */
export interface UpdateFlags {
  readonly mirror: string
  readonly cache: string
  readonly root?: string
  readonly registry?: readonly string[]
  readonly json?: boolean
}

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/**
 * `attestation update`: fetches roots of trust through TUF and writes them as files that `attestation verify` and nodes take. Nothing is
 * written when anything of it is refused; files that were there stay.
 */
export async function updateTrust(io: CliIo, flags: UpdateFlags): Promise<number> {
  const mirrorUrl = mirrorOf(flags.mirror)
  const folder = resolve(io.cwd, flags.cache)
  const sigstore = await import("@vouchsafe/sigstore")
  const rootJson = flags.root === undefined ? sigstore.seedRepository().rootJson : readRoot(resolve(io.cwd, flags.root), sigstore.TRUSTED_ROOT_LENGTH_MAX)
  const npm = await loadNpmConfig({ dir: io.cwd, env: io.env as NodeJS.ProcessEnv })
  const registries = [...new Set((flags.registry ?? [npm.default]).map(registryIdOf))]
  makeFolder(folder)
  const { texts, expiresAtMs } = await sigstore.fetchTrust({ cachePath: join(folder, "tuf"), mirrorUrl, rootJson, registries, clock: { nowMs: () => Date.now() } })
  const trustedRoot = join(folder, "trusted_root.json")
  const registryKeys: Record<string, string> = {}
  // The keys first: a trusted root beside older keys refuses at most, and the next update mends it.
  for (const [registry, text] of texts.registryKeysByRegistry) {
    const path = join(folder, `keys-${fileNameOf(registry)}.json`)
    replaceFile(path, text)
    registryKeys[registry] = path
  }
  replaceFile(trustedRoot, texts.trustedRootJson)
  const without = registries.filter((registry) => !texts.registryKeysByRegistry.has(registry))
  const expires = new Date(expiresAtMs).toISOString()
  if (flags.json === true) printJson(io, { mirror: mirrorUrl, expires, trustedRoot, registryKeys, withoutKeys: without })
  else {
    printLines(io, [
      `--trust-root ${trustedRoot}`, ...Object.entries(registryKeys).map(([registry, path]) => `--keys ${path}  (${registry})`),
      ...without.map((registry) => `${registry}: the mirror has no keys of it`), `good until ${expires}`,
    ])
  }
  return EXIT.done
}

function mirrorOf(text: string): string {
  try {
    return registryIdOf(text)
  } catch (cause) {
    throw new VouchsafeError("USAGE", `--mirror is ${shown(text)}, expected http(s)://host[:port]/path without credentials or query`, { cause })
  }
}

/** The signatures are TUF's to judge; a file of another kind is found here. */
function readRoot(path: string, bytesMax: number): string {
  let text: string
  try {
    if (statSync(path).size > bytesMax) throw usage(`--root ${path} has more than ${bytesMax} bytes`)
    text = readFileSync(path, "utf8")
  } catch (cause) {
    if (cause instanceof VouchsafeError) throw cause
    throw new VouchsafeError("USAGE", `--root ${path} cannot be read`, { cause })
  }
  const document = parseJson("TRUST_ROOT_MALFORMED", `--root ${path}`, text) as { readonly signed?: { readonly _type?: unknown } } | null
  if (document?.signed?._type !== "root") throw new VouchsafeError("TRUST_ROOT_MALFORMED", `--root ${path} has no signed part of type root`, { hint: "give the root.json of the mirror's TUF repository" })
  return text
}

function fileNameOf(registry: string): string {
  const { host, pathname } = new URL(registry)
  return `${host}${pathname}`.replace(/\/+$/, "").replace(/[^a-z0-9.-]+/gi, "_")
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE })
    if (!statSync(path).isDirectory()) throw usage(`--cache ${path} is no folder`)
  } catch (cause) {
    if (cause instanceof VouchsafeError) throw cause
    throw new VouchsafeError("DISK", `--cache ${path} cannot be made`, { cause })
  }
}

/** Whole or not at all. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`
  try {
    writeFileSync(temporary, text, { mode: FILE_MODE, flag: "wx" })
    chmodSync(temporary, FILE_MODE)
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw new VouchsafeError("DISK", `${path} cannot be written`, { cause })
  }
}
