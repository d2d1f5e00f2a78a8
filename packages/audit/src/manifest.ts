/**
 * File manifests, which nodes serve by their digest (packages/spec/observation.md, "Members").
 *
 * @packageDocumentation
 */
import { hexEncode, isVouchsafeError, parseJson, type RosterNode, shapeReader, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import type { HttpTransport } from "@vouchsafe/ports"
import { MANIFEST_BYTES_MAX } from "./limits.ts"
import type { DiskFile } from "./types.ts"

const FORMAT = "vouchsafe-manifest/v1"
const MODES = new Map<unknown, boolean>([[0o644, false], [0o755, true]])
const TIMEOUT_MS = 30_000

const read = shapeReader("EVIDENCE_MALFORMED", "file manifest")

/** Files by path, as an attester unpacked them. */
export type Manifest = ReadonlyMap<string, DiskFile>

/** @throws VouchsafeError EVIDENCE_MALFORMED. */
export function parseManifest(text: string): Manifest {
  const document = read.object(parseJson("EVIDENCE_MALFORMED", "file manifest", text), "document", ["format", "files"])
  if (document["format"] !== FORMAT) throw new VouchsafeError("EVIDENCE_MALFORMED", `file manifest: is no ${FORMAT}`)
  const files = document["files"]
  if (!Array.isArray(files)) throw new VouchsafeError("EVIDENCE_MALFORMED", "file manifest: files is no list")
  const manifest = new Map<string, DiskFile>()
  for (const file of files as readonly unknown[]) {
    const [path, size, mode, sha256] = Array.isArray(file) && file.length === 4 ? file as readonly unknown[] : []
    const executable = MODES.get(mode)
    const isFile = typeof path === "string" && path !== "" && typeof size === "number" && Number.isSafeInteger(size) && size >= 0 && executable !== undefined && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)
    if (!isFile || manifest.has(path)) throw new VouchsafeError("EVIDENCE_MALFORMED", "file manifest: a file is not [path, size, mode, sha256], or stands twice")
    manifest.set(path, { path, size, executable, sha256 })
  }
  return manifest
}

/**
 * Fetches manifests from the nodes of a roster, each checked against its digest.
 * @returns a function that answers undefined where no node has it.
 */
export function manifestsFrom(transport: HttpTransport, nodes: readonly RosterNode[]): (digest: string) => Promise<Manifest | undefined> {
  return async (digest) => {
    for (const { url } of nodes) {
      try {
        const { status, body } = await transport.request({ method: "GET", url: `${url}v1/blob/${digest}`, timeoutMs: TIMEOUT_MS, maxBytes: MANIFEST_BYTES_MAX })
        if (status === 200 && hexEncode(nodeCrypto.sha256(body)) === digest) return parseManifest(utf8Decode(body))
      } catch (error) {
        // The next node may have it; that none has is part of the report.
        if (!isVouchsafeError(error)) throw error
      }
    }
    return undefined
  }
}
