import { httpTransport, loadNpmConfig } from "@vouchsafe/client/node"
import type { HttpTransport } from "@vouchsafe/client"
import { escapeForDisplay, formatEnvelope, formatRelease, HEX_COMMIT, INTOTO_PAYLOAD_TYPE, isVouchsafeError, keyHint, signEnvelope, type Signer, utf8Encode } from "@vouchsafe/core"
import { resolve } from "node:path"
import { parseSpec, type Spec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { openKeyFile } from "../keys/key-file.ts"
import { passphraseOf } from "../keys/passphrase.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { askNode, type NodePlace, placeOf, refusalOf, socketPlace } from "../nodes.ts"
import { printJson, printLines, say, table } from "../output.ts"
import { hashFile, hashPublished } from "../release/published.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface Flags {
  readonly key: string
  readonly passphraseFile?: string
  readonly repository?: string
  readonly commit?: string
  readonly tarball?: string
  readonly node?: string[]
  readonly socket?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** What one node did with a release. */
type Submitted = { readonly node: string; readonly url: string } & (
  | { readonly outcome: "logged"; readonly index: number; readonly known: boolean }
  | { readonly outcome: "refused" | "unreachable"; readonly code: string; readonly message: string; readonly hint?: string }
)

/** A node observes before it takes a release; this long, in ms. */
const OBSERVE_MS = 30_000
const EVIDENCE_BYTES_MAX = 67_108_864

/** `release SPEC --key K`: signs what was published, and has nodes log it. */
export const registerRelease: Register = (program, io, done) => {
  program.command("release").description("sign, with your own key, that you released these bytes, and have the nodes log it")
    .argument("<spec>", "name@version").requiredOption("--key <file>", "your key; `vouchsafe keys new` makes one")
    .option("--passphrase-file <file>", "its passphrase (default: VOUCHSAFE_PASSPHRASE)")
    .option("--repository <url>", "where it was made from, with --commit").option("--commit <sha>", "the commit, 40 or 64 hex digits")
    .option("--tarball <file>", "the bytes (default: those on the registry, fetched and hashed now)")
    .option("--node <url...>", "nodes to send it to (default: the roster's)").option("--socket <path>", "a node of your own, over its admin socket, which needs no --publisher-key")
    .option("--dry-run", "show the signed envelope and send it nowhere").option("--json", "one JSON document on stdout")
    .action(async (text: string, flags: Flags) => { done(await release(io, parseSpec(text), flags)) })
}

async function release(io: CliIo, spec: Spec, flags: Flags): Promise<number> {
  const source = sourceOf(flags)
  const signer = await openKeyFile(resolve(io.cwd, flags.key), () => passphraseOf(io, flags.passphraseFile))
  const registries = await loadNpmConfig({ dir: io.cwd, env: io.env as NodeJS.ProcessEnv })
  const nodes = flags.dryRun === true ? [] : await placesOf(io, flags)
  const sha512 = flags.tarball === undefined ? await hashPublished(registries, spec) : hashFile(resolve(io.cwd, flags.tarball))
  const statement = formatRelease({ purl: spec.purl, sha512, ...(source === undefined ? {} : { source }) })
  const envelope = formatEnvelope(signEnvelope(signer, { payloadType: INTOTO_PAYLOAD_TYPE, payload: utf8Encode(statement), keyId: keyHint(signer.verifier) }))
  if (flags.json !== true) showStatement(io, spec, sha512, source, signer)
  const transport = httpTransport()
  try {
    const artifact = { purl: spec.purl, registry: registries.registryFor(spec.name) }
    const results = await Promise.all(nodes.map((node) => submit(transport, node, artifact, envelope, signer)))
    if (flags.json === true) printJson(io, { purl: spec.purl, sha512, key: signer.verifier.vkey, envelope: JSON.parse(envelope) as unknown, nodes: results })
    else if (flags.dryRun === true) printLines(io, [envelope])
    else printLines(io, describe(results))
    return statusOf(results)
  } finally {
    transport.close()
  }
}

function sourceOf({ repository, commit }: Flags): { repository: string; commit: string } | undefined {
  if (repository === undefined && commit === undefined) return undefined
  if (repository === undefined || commit === undefined) throw usage("--repository and --commit belong together, expected both or neither")
  if (!HEX_COMMIT.test(commit)) throw usage(`--commit is "${escapeForDisplay(commit)}", expected 40 or 64 lower-case hex digits`, "git rev-parse HEAD prints them")
  return { repository, commit }
}

async function placesOf(io: CliIo, flags: Flags): Promise<NodePlace[]> {
  const named = [...(flags.node ?? []).map(placeOf), ...(flags.socket === undefined ? [] : [socketPlace(resolve(io.cwd, flags.socket))])]
  if (named.length > 0) return named
  const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
  try {
    return project.roster.nodes.map(({ operator, url }) => ({ name: operator, url }))
  } finally {
    project.close()
  }
}

function showStatement(io: CliIo, spec: Spec, sha512: string, source: { repository: string; commit: string } | undefined, signer: Signer): void {
  say(io, table([
    ["signing", `release of ${escapeForDisplay(`${spec.name}@${spec.version}`)}`], ["sha512", sha512], ...(source === undefined ? [] : [["from", `${escapeForDisplay(source.repository)} at ${source.commit}`]]),
    ["as", escapeForDisplay(keyHint(signer.verifier))],
  ]).join("\n"))
}

/** A node logs only what it observed: it is asked to look first. What that gives is for clients to judge, not for this command. */
async function submit(transport: HttpTransport, node: NodePlace, artifact: { purl: string; registry: string }, envelope: string, signer: Signer): Promise<Submitted> {
  const place = { node: node.name, url: node.url }
  try {
    const question = { format: "vouchsafe-evidence-request/v1", artifacts: [artifact], deadlineMs: OBSERVE_MS, knownSize: 0, noticesFrom: 0 }
    await askNode(transport, node, { path: "v1/evidence", body: question, timeoutMs: OBSERVE_MS * 2, maxBytes: EVIDENCE_BYTES_MAX })
    const body = node.socketPath === undefined ? envelope : `{"envelope":${envelope},"key":${JSON.stringify(signer.verifier.vkey)}}`
    const answer = await askNode(transport, node, { path: "v1/releases", body })
    const { index, known } = (typeof answer.document === "object" && answer.document !== null ? answer.document : {}) as { index?: unknown; known?: unknown }
    if (answer.status === 200 && Number.isSafeInteger(index)) return { ...place, outcome: "logged", index: index as number, known: known === true }
    return { ...place, outcome: answer.status >= 500 ? "unreachable" : "refused", ...refusalOf(answer) }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...place, outcome: "unreachable", code: error.code, message: error.message }
  }
}

function describe(results: readonly Submitted[]): string[] {
  return table(results.flatMap((result) => {
    if (result.outcome === "logged") return [[result.node, result.known ? "has it already" : "logged it", `as entry ${result.index}`]]
    const next = result.hint === undefined ? [] : [["", "", `next: ${escapeForDisplay(result.hint)}`]]
    return [[result.node, result.outcome === "refused" ? "refused it" : "not reached", `${result.code}: ${escapeForDisplay(result.message)}`], ...next]
  }))
}

/** Logged by all that were asked; else a refusal says more than a node that did not answer. */
function statusOf(results: readonly Submitted[]): number {
  if (results.some(({ outcome }) => outcome === "refused")) return EXIT.refused
  return results.some(({ outcome }) => outcome === "unreachable") ? EXIT.world : EXIT.done
}
