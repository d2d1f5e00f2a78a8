/**
 * A mock of Sigstore with keys of its own: an authority for certificates (Fulcio), a log of them (CT) and a log of signatures (Rekor).
 * Nodes believe it because they are given its trusted root.
 *
 * @packageDocumentation
 */
import { canonicalize, type JsonValue } from "@vouchsafe/core"
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { bits, explicit, implicit, integer, octets, oid, sequence, set, time, utf8, yes } from "./der.ts"

/** Who built something: what GitHub's identity token says of a run. */
export interface Run {
  /** `https://github.com/owner/name`. */
  readonly repository: string
  readonly repositoryId: string
  readonly ownerId: string
  readonly commit: string
  readonly ref: string
  /** `.github/workflows/release.yml`. */
  readonly workflow: string
  /** What went into the build beside the source: actions, by ref, and the commits that these stood at. */
  readonly inputs: readonly { readonly uri: string; readonly commit: string }[]
}

/** What a run attests. */
export interface Subject {
  readonly purl: string
  /** Lower-case hexadecimal. */
  readonly sha512: string
}

/** A mock Sigstore. */
export interface MockSigstore {
  /** `trusted_root.json`. */
  readonly trustedRoot: string
  /** The registry's answer for a version: its provenance, signed at this time. */
  attest(subject: Subject, run: Run, signedAtSeconds: number): unknown
}

const ISSUER = "https://token.actions.githubusercontent.com"
const RUNNER = "github-hosted"
const FULCIO = "1.3.6.1.4.1.57264.1"
const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
const PROVENANCE_TYPE = "https://slsa.dev/provenance/v1"
const PAYLOAD_TYPE = "application/vnd.in-toto+json"
/** 2022-01-01. */
const AUTHORITY_FROM_SECONDS = 1_640_995_200
const AUTHORITY_YEARS = 30
const YEAR_SECONDS = 31_536_000
const CERTIFICATE_SECONDS = 600
const SERIAL_BYTES = 16

interface Key { readonly secret: KeyObject; readonly spki: Buffer; /** SHA-256 of the public key. */ readonly id: Buffer }

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const spki = publicKey.export({ type: "spki", format: "der" })
  return { secret: privateKey, spki, id: sha256(spki) }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest()
}

const name = (common: string): Buffer => sequence(set(sequence(oid("2.5.4.3"), utf8(common))))
const extension = (id: string, value: Uint8Array, critical = false): Buffer => sequence(oid(id), ...(critical ? [yes] : []), octets(value))

interface Unsigned { readonly issuer: string; readonly subject: Buffer; readonly from: number; readonly until: number; readonly spki: Buffer; readonly extensions: readonly Buffer[] }

function toBeSigned({ issuer, subject, from, until, spki, extensions }: Unsigned, serial: Buffer): Buffer {
  return sequence(explicit(0, integer(Buffer.from([2]))), integer(serial), ECDSA_SHA256, name(issuer), sequence(time(from), time(until)), subject, spki, explicit(3, sequence(...extensions)))
}

function certificate(tbs: Buffer, by: Key): Buffer {
  return sequence(tbs, ECDSA_SHA256, bits(sign("sha256", tbs, by.secret)))
}

const newSerial = (): Buffer => Buffer.concat([Buffer.from([1]), randomBytes(SERIAL_BYTES)])
const AUTHORITY = "replay-fulcio"

function authorityCertificate(key: Key): Buffer {
  const extensions = [extension("2.5.29.15", bits(Buffer.from([0x06]), 1), true), extension("2.5.29.19", sequence(yes), true), extension("2.5.29.14", octets(key.id.subarray(0, 20)))]
  return certificate(toBeSigned({ issuer: AUTHORITY, subject: name(AUTHORITY), from: AUTHORITY_FROM_SECONDS, until: AUTHORITY_FROM_SECONDS + AUTHORITY_YEARS * YEAR_SECONDS, spki: key.spki, extensions }, newSerial()), key)
}

/** RFC 6962, section 3.2, of one log, in the list that the extension holds. */
function timestampsOf(tbs: Buffer, authority: Key, log: Key, seconds: number): Buffer {
  const at = Buffer.alloc(8)
  at.writeBigUInt64BE(BigInt(seconds) * 1000n)
  const length = Buffer.from([0, tbs.length >> 8, tbs.length & 0xff])
  const signature = sign("sha256", Buffer.concat([Buffer.from([0, 0]), at, Buffer.from([0, 1]), authority.id, length, tbs, Buffer.from([0, 0])]), log.secret)
  const one = Buffer.concat([Buffer.from([0]), log.id, at, Buffer.from([0, 0]), Buffer.from([4, 3]), lengthOf(signature), signature])
  const list = Buffer.concat([lengthOf(one), one])
  return octets(Buffer.concat([lengthOf(list), list]))
}

function lengthOf(bytes: Buffer): Buffer {
  const out = Buffer.alloc(2)
  out.writeUInt16BE(bytes.length)
  return out
}

function signerCertificate(key: Key, run: Run, authority: Key, log: Key, seconds: number): Buffer {
  const { repository, repositoryId, ownerId, commit, ref, workflow } = run
  const san = `${repository}/${workflow}@${ref}`
  const facts: Readonly<Record<number, string>> = { 8: ISSUER, 9: san, 11: RUNNER, 12: repository, 13: commit, 14: ref, 15: repositoryId, 16: repository.replace(/\/[^/]*$/, ""), 17: ownerId, 18: san, 19: commit, 20: "push" }
  const extensions = [
    extension("2.5.29.15", bits(Buffer.from([0x80]), 7), true), extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.3"))), extension("2.5.29.35", sequence(implicit(0, authority.id.subarray(0, 20)))),
    extension("2.5.29.17", sequence(implicit(6, Buffer.from(san))), true), ...Object.entries(facts).map(([number, text]) => extension(`${FULCIO}.${number}`, utf8(text))),
  ]
  const serial = newSerial()
  const unsigned = { issuer: AUTHORITY, subject: sequence(), from: seconds, until: seconds + CERTIFICATE_SECONDS, spki: key.spki, extensions }
  const timestamps = extension("1.3.6.1.4.1.11129.2.4.2", timestampsOf(toBeSigned(unsigned, serial), authority, log, seconds))
  return certificate(toBeSigned({ ...unsigned, extensions: [...extensions, timestamps] }, serial), authority)
}

function statementOf(subject: Subject, { repository, commit, ref, workflow, inputs }: Run): string {
  return JSON.stringify({
    _type: "https://in-toto.io/Statement/v1", subject: [{ name: subject.purl, digest: { sha512: subject.sha512 } }], predicateType: PROVENANCE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1", externalParameters: { workflow: { ref, repository, path: workflow } },
        resolvedDependencies: [{ uri: `git+${repository}@${ref}`, digest: { gitCommit: commit } }, ...inputs.map((input) => ({ uri: input.uri, digest: { gitCommit: input.commit } }))],
      },
      runDetails: { builder: { id: `https://github.com/actions/runner/${RUNNER}` }, metadata: { invocationId: `${repository}/actions/runs/1/attempts/1` } },
    },
  })
}

/** Makes one, with new keys. */
export function createMockSigstore(): MockSigstore {
  const [authority, ctLog, rekor] = [newKey(), newKey(), newKey()]
  const own = authorityCertificate(authority)
  let logged = 0
  const validFor = { start: new Date(AUTHORITY_FROM_SECONDS * 1000).toISOString().replace(/\.\d+/, "") }
  const logOf = (key: Key, baseUrl: string) => ({
    baseUrl, hashAlgorithm: "SHA2_256", logId: { keyId: key.id.toString("base64") }, publicKey: { rawBytes: key.spki.toString("base64"), keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor },
  })
  return {
    trustedRoot: JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1", tlogs: [logOf(rekor, "https://rekor.replay.example")], ctlogs: [logOf(ctLog, "https://ct.replay.example")], timestampAuthorities: [],
      certificateAuthorities: [{ subject: { organization: "replay", commonName: AUTHORITY }, uri: "https://fulcio.replay.example", certChain: { certificates: [{ rawBytes: own.toString("base64") }] }, validFor }],
    }),
    attest(subject, run, signedAtSeconds) {
      const key = newKey()
      const leaf = signerCertificate(key, run, authority, ctLog, signedAtSeconds)
      const payload = Buffer.from(statementOf(subject, run))
      const signature = sign("sha256", Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload]), key.secret)
      const pem = `-----BEGIN CERTIFICATE-----\n${leaf.toString("base64").replace(/.{64}(?!$)/g, "$&\n")}\n-----END CERTIFICATE-----\n`
      const entry: JsonValue = {
        apiVersion: "0.0.1", kind: "dsse",
        spec: { envelopeHash: { algorithm: "sha256", value: sha256(payload).toString("hex") }, payloadHash: { algorithm: "sha256", value: sha256(payload).toString("hex") }, signatures: [{ signature: signature.toString("base64"), verifier: Buffer.from(pem).toString("base64") }] },
      }
      const body = Buffer.from(canonicalize(entry)).toString("base64")
      logged += 1
      const promised = canonicalize({ body, integratedTime: signedAtSeconds, logID: rekor.id.toString("hex"), logIndex: logged })
      const bundle = {
        mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
        verificationMaterial: {
          x509CertificateChain: { certificates: [{ rawBytes: leaf.toString("base64") }] },
          tlogEntries: [{
            logIndex: String(logged), logId: { keyId: rekor.id.toString("base64") }, kindVersion: { kind: "dsse", version: "0.0.1" }, integratedTime: String(signedAtSeconds),
            inclusionPromise: { signedEntryTimestamp: sign("sha256", Buffer.from(promised), rekor.secret).toString("base64") }, canonicalizedBody: body,
          }],
        },
        dsseEnvelope: { payload: payload.toString("base64"), payloadType: PAYLOAD_TYPE, signatures: [{ sig: signature.toString("base64"), keyid: "" }] },
      }
      return { attestations: [{ predicateType: PROVENANCE_TYPE, bundle }] }
    },
  }
}
