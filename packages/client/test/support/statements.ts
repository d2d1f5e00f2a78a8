import { createHash } from "node:crypto"
import {
  formatForeignEntry, formatNotice, formatObservation, formatRebuild, formatRelease, INTOTO_PAYLOAD_TYPE, keyHint, NO_UPSTREAM, PLAIN_HISTORY, type Notice, type Observation, type Rebuild, signEnvelope, type Signer, utf8Encode,
} from "@vouchsafe/core"

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
    upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
    ...more,
  })
}

export function notice(log: string, purl: string, sha512: string, more: Partial<Notice> = {}): string {
  return formatNotice({ purl, sha512, log, registry: REGISTRY, notice: "withdrawal", time: 1_700_000_000, reason: "it steals tokens", ...more })
}

/** A rebuild that equals what {@link observation} describes. */
export function rebuild(log: string, purl: string, sha512: string, more: Partial<Rebuild> = {}): string {
  return formatRebuild({
    purl, sha512, log, registry: REGISTRY, startedAt: 1_700_000_000, rebuiltAt: 1_700_000_060, match: "contents",
    source: {
      repository: "https://git.example/x.git", commit: "0123456789abcdef0123456789abcdef01234567", ref: "refs/tags/v1.0.0", foundBy: ["tag"], directory: "",
      signature: { state: "unsigned", kind: null, key: null, signer: null },
    },
    recipe: { sha256: "f".repeat(64), override: false },
    environment: { frozenAt: 1_600_000_000, node: "22.21.1", manager: "npm@10.9.4", platform: "linux-x64", sandbox: "bubblewrap 0.8.0" },
    rebuilt: { sha512: "9".repeat(128), tarSha256: "8".repeat(64), h1: `h1:${"A".repeat(43)}=`, size: 4_322, files: 7 },
    differences: { count: 0, classes: new Map(), document: null },
    ...more,
  })
}

/** A rebuild with other files. */
export function mismatch(log: string, purl: string, sha512: string): string {
  return rebuild(log, purl, sha512, { match: "none", differences: { count: 1, classes: new Map([["changed", 1]]), document: "7".repeat(64) } })
}

/** A publisher's release, as an entry of `log`; `note` only makes it longer. */
export function release(log: string, signer: Signer, purl: string, sha512: string, note = ""): string {
  const statement = JSON.parse(formatRelease({ purl, sha512 })) as Record<string, unknown>
  const payload = utf8Encode(JSON.stringify(note === "" ? statement : { ...statement, note }))
  return formatForeignEntry(log, signEnvelope(signer, { payloadType: INTOTO_PAYLOAD_TYPE, payload, keyId: keyHint(signer.verifier) }))
}
