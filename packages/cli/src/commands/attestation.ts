import { npmBuiltInRegistry } from "@vouchsafe/client/node"
import { displayName, parseSri, sha512OfSri, shellWord, sriOfSha512, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import type { TrustTexts, VerifiedUpstream } from "@vouchsafe/sigstore"
import { createHash } from "node:crypto"
import { createReadStream, readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { parseSpec, type Spec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say, table } from "../output.ts"
import { usage } from "../usage.ts"
import type { UpdateFlags } from "./attestation-update.ts"
import type { Register } from "./types.ts"

interface VerifyFlags {
  readonly package: string
  readonly tarball?: string
  readonly integrity?: string
  readonly repository?: string
  readonly trustRoot?: string
  readonly keys?: string
  readonly json?: boolean
}

/** `attestation verify FILE`, `attestation update`. */
export const registerAttestation: Register = (program, io, done) => {
  const attestation = program.command("attestation").description("npm and Sigstore attestations of packages")
  attestation.command("verify").description("verify attestations as a registry answers them, offline")
    .argument("<file>", "the registry's answer for a version, or one bundle of it")
    .requiredOption("--package <spec>", "name@version that they must be about")
    .option("--tarball <file>", "the package's tarball").option("--integrity <sri>", "or its sha512, as lockfiles have it")
    .option("--repository <url>", "repository that the package names; provenance must come from there")
    .option("--trust-root <file>", "Sigstore's trusted_root.json; default: the one that comes with this program")
    .option("--keys <file>", "keys of the registry; default: those of npm's own registry that come with this program")
    .option("--json", "one JSON document on stdout")
    .action(async (file: string, flags: VerifyFlags) => { done(await verify(io, file, flags)) })
  attestation.command("update").description("fetch newer roots of trust through TUF, as files for verify and for nodes")
    .requiredOption("--mirror <url>", "the TUF repository").requiredOption("--cache <folder>", "where files and TUF's metadata are kept; older ones than there are refused")
    .option("--root <file>", "the repository's root.json to start from; default: the one that comes with this program")
    .option("--registry <url...>", "registry whose keys are wanted; default: that of your npm configuration")
    .option("--json", "one JSON document on stdout")
    .action(async (flags: UpdateFlags) => { done(await (await import("./attestation-update.ts")).updateTrust(io, flags)) })
}

async function verify(io: CliIo, file: string, flags: VerifyFlags): Promise<number> {
  const spec = parseSpec(flags.package)
  const sha512 = await expectedSha512(io, flags)
  const sigstore = await import("@vouchsafe/sigstore")
  const registry = await npmBuiltInRegistry()
  const texts = trustTexts(io, flags, registry, sigstore.embeddedTrustTexts(registry), { keys: sigstore.REGISTRY_KEYS_LENGTH_MAX, root: sigstore.TRUSTED_ROOT_LENGTH_MAX })
  const verifier = sigstore.createUpstreamVerifier(sigstore.loadTrust(texts))
  const verified = verifier.verifyUpstream({
    ...spec, registry, sha512, integrity: sriOfSha512(sha512), signatures: undefined, publishedAt: null, repository: flags.repository ?? null,
    attestations: asAnswer(readJson(resolve(io.cwd, file), sigstore.ATTESTATIONS_BYTES_MAX)),
  })
  const { upstream } = verified
  const refused = upstream.refused.length === 0 && upstream.publish === null && upstream.provenance === null ? ["ATTESTATIONS_MISSING"] : upstream.refused
  if (flags.json === true) printJson(io, reportOf(spec, sha512, verified, refused))
  else printReport(io, spec, verified, refused)
  return refused.length === 0 ? EXIT.done : EXIT.refused
}

async function expectedSha512(io: CliIo, { tarball, integrity }: VerifyFlags): Promise<string> {
  if ((tarball === undefined) === (integrity === undefined)) throw usage("expected either --tarball or --integrity")
  if (integrity !== undefined) {
    parseSri(integrity)
    return sha512OfSri(integrity) ?? fail(`--integrity has no sha512`)
  }
  const path = resolve(io.cwd, tarball as string)
  const hash = createHash("sha512")
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  } catch (cause) {
    throw new VouchsafeError("USAGE", `${path} cannot be read`, { cause, hint: "name the package's tarball" })
  }
  return hash.digest("hex")
}

function fail(why: string): never {
  throw usage(why)
}

function trustTexts(io: CliIo, flags: VerifyFlags, registry: string, embedded: TrustTexts, lengthMax: { readonly keys: number; readonly root: number }): TrustTexts {
  const { keys, trustRoot } = flags
  return {
    trustedRootJson: trustRoot === undefined ? embedded.trustedRootJson : readText(resolve(io.cwd, trustRoot), "TRUST_ROOT_MALFORMED", lengthMax.root),
    registryKeysByRegistry: keys === undefined ? embedded.registryKeysByRegistry : new Map([[registry, readText(resolve(io.cwd, keys), "REGISTRY_KEYS_MALFORMED", lengthMax.keys)]]),
  }
}

function readText(path: string, code: "ATTESTATIONS_MALFORMED" | "TRUST_ROOT_MALFORMED" | "REGISTRY_KEYS_MALFORMED", bytesMax: number): string {
  let bytes: Uint8Array
  try {
    const { size } = statSync(path)
    if (size > bytesMax) throw new VouchsafeError(code, `${path} has ${size} bytes, expected at most ${bytesMax}`)
    bytes = readFileSync(path)
  } catch (cause) {
    if (cause instanceof VouchsafeError) throw cause
    throw new VouchsafeError(code, `${path} cannot be read`, { cause, hint: "name an existing file" })
  }
  return utf8Decode(bytes)
}

function readJson(path: string, bytesMax: number): unknown {
  const text = readText(path, "ATTESTATIONS_MALFORMED", bytesMax)
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new VouchsafeError("ATTESTATIONS_MALFORMED", `${path} is no JSON`, { cause, hint: "give the registry's answer at -/npm/v1/attestations/<name>@<version>" })
  }
}

/** One bundle alone is taken as an answer with this one: its own signed type stands for the one outside. */
function asAnswer(document: unknown): unknown {
  if (typeof document !== "object" || document === null || !Object.hasOwn(document, "mediaType")) return document
  return { attestations: [{ predicateType: signedType(document), bundle: document }] }
}

function signedType(bundle: object): unknown {
  const { dsseEnvelope } = bundle as { readonly dsseEnvelope?: { readonly payload?: unknown } | null }
  try {
    return (JSON.parse(Buffer.from(String(dsseEnvelope?.payload), "base64").toString("utf8")) as { readonly predicateType?: unknown } | null)?.predicateType
  } catch {
    // No statement: the verifier says so.
    return undefined
  }
}

function reportOf(spec: Spec, sha512: string, { upstream, details }: VerifiedUpstream, refused: readonly string[]): object {
  const { provenance, publish } = upstream
  return {
    package: `${spec.name}@${spec.version}`, purl: spec.purl, integrity: sriOfSha512(sha512), verified: refused.length === 0, refused, details,
    identity: provenance?.san ?? null, issuer: provenance?.issuer ?? null, source: provenance?.repository ?? null, commit: provenance?.commit ?? null,
    ref: provenance?.ref ?? null, workflow: provenance?.workflow ?? null, trigger: provenance?.trigger ?? null, builder: provenance?.builder ?? null, runner: provenance?.runner ?? null,
    repositoryId: provenance?.repositoryId ?? null, ownerId: provenance?.ownerId ?? null,
    signedAt: provenance === null ? null : new Date(provenance.signedAt * 1000).toISOString(), predicateType: provenance?.predicateType ?? null,
    publish, provenance,
  }
}

function printReport(io: CliIo, spec: Spec, { upstream, details }: VerifiedUpstream, refused: readonly string[]): void {
  const { provenance, publish } = upstream
  const rows: string[][] = []
  if (provenance !== null) {
    const { san, issuer, repository, commit, ref, workflow, trigger, builder, runner, repositoryId, ownerId, signedAt } = provenance
    rows.push(
      ["identity", san], ["issuer", issuer], ["source", repository], ["commit", `${commit}${ref === null ? "" : ` (${ref})`}`],
      ["workflow", `${workflow ?? "not said"}${trigger === null ? "" : `, started by ${trigger}`}`], ["builder", builder], ["runner", runner ?? "not said"],
      ["ids", `repository ${repositoryId ?? "not said"}, owner ${ownerId ?? "not said"}`], ["signed", new Date(signedAt * 1000).toISOString()],
    )
  }
  if (publish !== null) rows.push(["published", `by the registry, key ${publish.keyid}`])
  printLines(io, [`${displayName(spec.purl)}: ${refused.length === 0 ? "verified" : `refused: ${refused.join(", ")}`}`, ...table(rows).map((line) => `  ${line}`)])
  for (const detail of details) say(io, `vouchsafe: ${detail}`)
  if (refused.length > 0) say(io, `  next: do not rely on them; \`npx vouchsafe explain ${shellWord(displayName(spec.purl))}\` tells what the roster's operators verified`)
}
