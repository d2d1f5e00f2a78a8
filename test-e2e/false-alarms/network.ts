/**
 * A network that has observed everything a lockfile asks for: three operators, one head each over all of it, cosigned by the others.
 */
import {
  type ArtifactRequest, cosign, formatCheckpoint, formatObservation, formatRoster, KEY_TYPE, leafHash, type LogEvidence, nodeReaderFromLeaves, NO_UPSTREAM, type Observation, npmNameOf, parseRoster, PLAIN_HISTORY, proveMulti, type Roster,
  rootOfLeaves, type Signer, signerFromSeed, signNote, utf8Encode,
} from "@vouchsafe/core"
import { type Names } from "@vouchsafe/names"
import { fastCrypto as crypto } from "@vouchsafe/testkit"
import { createHash } from "node:crypto"
import type { Recollection } from "./histories.ts"

export const REGISTRY = "https://registry.example/"
const DAY = 86_400
/**
 * Nothing but the names is recorded of most packages. So that every rule about young names and news has its say, each is taken for one that
 * came four days ago: a day over the shortest age, far from settled.
 */
const YOUNG_SECONDS = 4 * DAY
const HEX_SHA1 = 40
const HEX_SHA256 = 64
const HEX_SHA512 = 128

const hex = (what: string, length: number): string => createHash("sha512").update(what).digest("hex").slice(0, length)

/** The digest that was observed: the lockfile's own, or, where Yarn's has none of the tarball, that of what the registry serves. */
export function attestedDigest({ purl, sha512 }: Pick<ArtifactRequest, "purl" | "sha512">): string {
  return sha512 ?? hex(purl, HEX_SHA512)
}

/** What one operator saw of a requested artifact. */
function observationOf(request: ArtifactRequest, log: string, now: number, names: Names, recalled: Recollection | undefined): Observation {
  const { name, version } = npmNameOf(request.purl)
  const publishedAt = now - YOUNG_SECONDS
  const found = names.lookalike(name)
  const lookalike = found === null ? null : { ...found, isKin: false }
  return {
    purl: request.purl, sha512: attestedDigest(request), log, registry: request.registry, observedAt: now,
    tarball: { size: 1_000, sha1: hex(request.purl, HEX_SHA1), commitment: hex(`${log}${request.purl}`, HEX_SHA256) },
    contents: { tarSha256: hex(`tar ${request.purl}`, HEX_SHA256), h1: `h1:${createHash("sha256").update(request.purl).digest("base64")}`, files: 3, unpackedSize: 900, manifest: hex(`manifest ${request.purl}`, HEX_SHA256), executables: { count: 0, sha256: hex("", HEX_SHA256) } },
    package: { name, version, scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt, publisher: null, repository: null, mismatch: [] },
    upstream: NO_UPSTREAM, history: { ...PLAIN_HISTORY, createdAt: publishedAt, lookalike },
    // A tarball made for the recording is not the published one, so that what differs from it says nothing.
    ...(recalled === undefined ? {} : { history: recalled.history, packument: { ...recalled.packument, mismatch: [] } }),
  }
}

interface Operator {
  readonly operator: string
  readonly log: Signer
  readonly notices: Signer
  readonly witness: Signer
}

/** The network's roster, and its evidence about requests. */
export interface Network {
  readonly roster: Roster
  evidence(requests: readonly ArtifactRequest[], now: number): readonly LogEvidence[]
}

/** @param recalled - histories by purl, where something is recorded */
export function everythingObserved(names: Names, recalled: ReadonlyMap<string, Recollection>): Network {
  let seed = 0
  const signer = (name: string, type: number): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(++seed))
  const operators: readonly Operator[] = ["alpha", "beta", "gamma"].map((operator) => ({
    operator, log: signer(`${operator}.example/log`, KEY_TYPE.ed25519), notices: signer(`${operator}.example/notices`, KEY_TYPE.ed25519), witness: signer(`${operator}.example/witness`, KEY_TYPE.cosignatureEd25519),
  }))
  const nodes = operators.map(({ operator, log, notices, witness }) => ({ operator, url: `https://${operator}.example/`, log: log.verifier, notices: notices.verifier, witness: witness.verifier }))
  const head = (own: Operator, key: Signer, leaves: readonly Uint8Array[], now: number): string => {
    const text = formatCheckpoint({ origin: key.verifier.name, size: leaves.length, root: rootOfLeaves(crypto, leaves) })
    return signNote(key, text) + operators.filter((other) => other !== own).map(({ witness }) => cosign(witness, text, now)).join("")
  }
  return {
    roster: parseRoster(crypto, formatRoster(nodes, [REGISTRY])),
    evidence: (requests, now) => operators.map((own): LogEvidence => {
      const origin = own.log.verifier.name
      const entries = requests.map((request) => formatObservation(observationOf(request, origin, now, names, recalled.get(request.purl))))
      const leaves = entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
      const indices = entries.map((_, index) => index)
      return {
        operator: own.operator, origin, reached: true, statuses: [], notices: { checkpoint: head(own, own.notices, [], now), entries: [] },
        batches: [{ checkpoint: head(own, own.log, leaves, now), indices, entries, bodies: [], proof: proveMulti(nodeReaderFromLeaves(crypto, leaves), { indices, size: entries.length }, crypto) }],
      }
    }),
  }
}
