import { createHash } from "node:crypto"
import { formatNotice, formatObservation, NO_UPSTREAM, type Notice, type Observation } from "@vouchsafe/core"

export const REGISTRY = "https://registry.example/"

export const sha512Of = (bytes: string): string => createHash("sha512").update(bytes).digest("hex")

/** `pkg:npm/name@version`. */
export const purlOf = (name: string, version = "1.0.0"): string => `pkg:npm/${name.replace("@", "%40")}@${version}`

/** An observation that differs from others only in what is given. */
export function observation(log: string, purl: string, sha512: string, more: Partial<Observation> = {}): string {
  return formatObservation({
    purl, sha512, log, registry: REGISTRY, observedAt: 1_700_000_000,
    tarball: { size: 4_321, sha1: "a".repeat(40), commitment: "b".repeat(64) },
    contents: {
      tarSha256: "c".repeat(64), h1: `h1:${"A".repeat(43)}=`, files: 7, unpackedSize: 12_345, manifest: "d".repeat(64),
      executables: { count: 0, sha256: "e".repeat(64) },
    },
    package: {
      name: "x", version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map([["left", "^1.0.0"], ["right", "~2.1.0"]]),
      optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [],
    },
    packument: { publishedAt: 1_600_000_000, publisher: "somebody", repository: "https://git.example/x.git", mismatch: [] },
    upstream: NO_UPSTREAM,
    ...more,
  })
}

export function notice(log: string, purl: string, sha512: string, more: Partial<Notice> = {}): string {
  return formatNotice({ purl, sha512, log, registry: REGISTRY, notice: "withdrawal", time: 1_700_000_000, reason: "it steals tokens", ...more })
}
