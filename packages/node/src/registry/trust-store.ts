/**
 * Roots of trust as a node keeps them: `<data>/trust/<mirror and root>/`, one folder a repository, so that what one mirror gave is
 * never taken for another's.
 *
 * @packageDocumentation
 */
import { isRegistryId, isVouchsafeError, parseJson, shapeReader, VouchsafeError } from "@vouchsafe/core"
import { REGISTRY_KEYS_LENGTH_MAX, TRUSTED_ROOT_LENGTH_MAX, type TrustTexts } from "@vouchsafe/sigstore"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { ensurePrivateFolder, writeFileWhole } from "../state/folder.ts"

/** What is kept of one refresh. */
export interface StoredTrust {
  readonly texts: TrustTexts
  /** Milliseconds of Unix time. */
  readonly refreshedAtMs: number
  readonly expiresAtMs: number
}

/** One repository's part of the data folder. */
export interface TrustStore {
  /** Where TUF keeps its metadata, below which nothing older is accepted. */
  readonly cachePath: string
  /** @throws VouchsafeError TRUST_ROOT_MALFORMED. */
  read(): StoredTrust | undefined
  /** Durable on return. @throws VouchsafeError DISK. */
  write(trust: StoredTrust): void
}

const FORMAT = "vouchsafe-trust/v1"
const FILE = "trust.json"
const FILE_MODE = 0o600
const REGISTRIES_MAX = 100
/** Longest file, in bytes: escapes may double a text's length. */
const FILE_BYTES_MAX = 2 * (TRUSTED_ROOT_LENGTH_MAX + 4 * REGISTRY_KEYS_LENGTH_MAX)
const MS_MAX = 8.64e15

/** @param folder - `<data>/trust` @throws VouchsafeError STATE_UNSAFE. */
export function createTrustStore(folder: string, mirrorUrl: string, rootJson: string | undefined): TrustStore {
  const repository = createHash("sha256").update(JSON.stringify([mirrorUrl, rootJson ?? null])).digest("hex").slice(0, 16)
  ensurePrivateFolder(folder)
  const own = join(folder, repository)
  ensurePrivateFolder(own)
  const path = join(own, FILE)
  return {
    cachePath: join(own, "tuf"),
    read: () => (existsSync(path) ? parse(path) : undefined),
    write({ texts, refreshedAtMs, expiresAtMs }) {
      const text = JSON.stringify({ format: FORMAT, mirror: mirrorUrl, refreshedAtMs, expiresAtMs, trustedRoot: texts.trustedRootJson, registryKeys: Object.fromEntries(texts.registryKeysByRegistry) })
      try {
        writeFileWhole(path, text, FILE_MODE)
      } catch (cause) {
        if (isVouchsafeError(cause)) throw cause
        throw new VouchsafeError("DISK", `roots of trust ${path} cannot be written`, { cause })
      }
    },
  }
}

function parse(path: string): StoredTrust {
  const read = shapeReader("TRUST_ROOT_MALFORMED", path)
  const { size } = statSync(path)
  if (size > FILE_BYTES_MAX) read.fail("document", `at most ${FILE_BYTES_MAX} bytes`, size)
  const document = read.object(parseJson("TRUST_ROOT_MALFORMED", path, readFileSync(path, "utf8")), "document", ["format", "mirror", "refreshedAtMs", "expiresAtMs", "trustedRoot", "registryKeys"])
  read.oneOf(document["format"], "format", [FORMAT])
  const keys = document["registryKeys"]
  if (typeof keys !== "object" || keys === null || Object.keys(keys).length > REGISTRIES_MAX) return read.fail("registryKeys", `at most ${REGISTRIES_MAX} registries`, keys)
  const registryKeysByRegistry = new Map<string, string>()
  for (const [registry, text] of Object.entries(keys)) {
    if (!isRegistryId(registry)) read.fail("registryKeys", "registry ids", registry)
    registryKeysByRegistry.set(registry, read.string(text, "registryKeys", REGISTRY_KEYS_LENGTH_MAX))
  }
  return {
    texts: { trustedRootJson: read.string(document["trustedRoot"], "trustedRoot", TRUSTED_ROOT_LENGTH_MAX), registryKeysByRegistry },
    refreshedAtMs: read.integer(document["refreshedAtMs"], "refreshedAtMs", 0, MS_MAX), expiresAtMs: read.integer(document["expiresAtMs"], "expiresAtMs", 0, MS_MAX),
  }
}
