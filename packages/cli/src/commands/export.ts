import { httpTransport, nodeCrypto, type Project, systemClock } from "@vouchsafe/client/node"
import {
  formatEnvelope, formatRefusal, formatStatement, hexEncode, INTOTO_PAYLOAD_TYPE, keyHint, type LogEvidence, parseSri, sha512OfSri, signEnvelope, summaryOf, utf8Encode, type Verdict, verdictsExit, VouchsafeError,
} from "@vouchsafe/core"
import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseSpec, registrySha512 } from "../check/registry.ts"
import { expectedStatement, type Exported, fetchEnvelope } from "../export/envelopes.ts"
import { type CliIo, EXIT } from "../io.ts"
import { openKeyFile } from "../keys/key-file.ts"
import { passphraseOf } from "../keys/passphrase.ts"
import { printJson, printLines, say } from "../output.ts"
import { progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { usage } from "../usage.ts"
import { VERSION } from "../version.ts"
import type { Register } from "./types.ts"

const KINDS = ["statement", "provenance", "summary"] as const
type Kind = (typeof KINDS)[number]

interface Flags {
  readonly as: string
  readonly key?: string
  readonly passphraseFile?: string
  readonly verifierId?: string
  readonly policyUri?: string
  readonly integrity?: string
  readonly output?: string
  readonly json?: boolean
}

/** What came of an export. */
interface Result {
  readonly lines: readonly string[]
  readonly signers: readonly { readonly operator?: string; readonly key: string }[]
}

/** `export SPEC --as statement|provenance|summary`: DSSE envelopes for in-toto and SLSA tools. */
export const registerExport: Register = (program, io, done) => {
  program.command("export").description("verified statements about a package version as DSSE envelopes, a JSON line each")
    .argument("<spec>", "name@version").requiredOption("--as <kind>", "statement: what operators observed; provenance: how they rebuilt it; summary: what you conclude")
    .option("--key <file>", "your key, which signs a summary").option("--passphrase-file <file>", "its passphrase (default: VOUCHSAFE_PASSPHRASE)")
    .option("--verifier-id <uri>", "who concludes, in a summary (default: a URN of the key)").option("--policy-uri <uri>", "where your policy can be read (default: its file here)")
    .option("--integrity <sri>", "the bytes (default: what the registry offers now)").option("-o, --output <file>", "write to this file, by custom *.intoto.jsonl").option("--json", "one JSON document on stdout")
    .action(async (text: string, flags: Flags) => {
      const kind = KINDS.find((known) => known === flags.as)
      if (kind === undefined) throw usage(`--as is "${flags.as}", expected ${KINDS.join(", ")}`)
      if ((kind === "summary") !== (flags.key !== undefined)) throw usage(kind === "summary" ? "a summary is your own word, and needs --key" : `--key signs a summary; a ${kind} is signed by the nodes`, "vouchsafe keys new FILE --name NAME makes a key")
      const spec = parseSpec(text)
      const project = await openFreshProject(io, { dir: io.cwd, env: io.env, onProgress: progressOn(io), lockUse: "pins" })
      try {
        const sha512 = flags.integrity === undefined ? await registrySha512(project.registries, spec) : digestOf(flags.integrity)
        const { verdicts: [verdict], evidence } = await project.check([{ purl: spec.purl, registry: project.registries.registryFor(spec.name), sha512 }])
        if (verdict === undefined) throw new TypeError("a check of one request gave no verdict")
        done(await exportAs(io, project, kind, verdict, evidence, flags))
      } finally {
        project.close()
      }
    })
}

function digestOf(integrity: string): string {
  parseSri(integrity)
  return sha512OfSri(integrity) ?? refuseIntegrity()
}

function refuseIntegrity(): never {
  throw usage("--integrity has no sha512, expected sha512-…")
}

async function exportAs(io: CliIo, project: Project, kind: Kind, verdict: Verdict, evidence: readonly LogEvidence[], flags: Flags): Promise<number> {
  if (kind === "summary") {
    write(io, await summarize(io, project, verdict, flags), flags)
    if (!verdict.ok && flags.json !== true) say(io, formatRefusal([verdict], { installs: false }))
    return verdict.ok ? EXIT.done : verdictsExit([verdict])
  }
  const places = kind === "statement" ? claimed(verdict) : agreeing(verdict)
  if (typeof places === "string") {
    if (flags.json === true) printJson(io, { error: { code: verdict.ok ? "NOT_REBUILT" : verdict.code, message: places } })
    say(io, places)
    return verdict.ok ? EXIT.refused : verdictsExit([verdict])
  }
  const transport = httpTransport()
  try {
    const exported: Exported[] = await Promise.all(places.map(({ origin, index }) => {
      const node = project.roster.nodes.find(({ log }) => log.name === origin)
      if (node === undefined) throw new VouchsafeError("EVIDENCE_MALFORMED", `the verdict names ${origin}, which is not in the roster`)
      return fetchEnvelope(transport, node, index, expectedStatement(evidence, node, index))
    }))
    write(io, { lines: exported.map(({ envelope }) => envelope), signers: exported.map(({ operator, key }) => ({ operator, key })) }, flags)
    return EXIT.done
  } finally {
    transport.close()
  }
}

interface Place { readonly origin: string; readonly index: number }

/** The statements behind an allowing verdict: those of the quorum. */
function claimed(verdict: Verdict): readonly Place[] | string {
  return verdict.ok ? verdict.claims : formatRefusal([verdict], { installs: false })
}

/** The rebuilds that agree, where they are enough; one rebuilder's word alone is not exported as the network's. */
function agreeing(verdict: Verdict): readonly Place[] | string {
  if (!verdict.ok) return formatRefusal([verdict], { installs: false })
  if (verdict.level !== "rebuilt") return "vouchsafe: NOT_REBUILT: too few operators agree on a rebuild of these bytes\n  next: vouchsafe explain shows who rebuilt it, vouchsafe build asks a node to"
  return (verdict.rebuilds ?? []).filter(({ agrees }) => agrees)
}

async function summarize(io: CliIo, project: Project, verdict: Verdict, flags: Flags): Promise<Result> {
  const signer = await openKeyFile(resolve(io.cwd, flags.key ?? ""), () => passphraseOf(io, flags.passphraseFile))
  const hint = keyHint(signer.verifier)
  const policy = { uri: flags.policyUri ?? pathToFileURL(project.configPath).href, sha256: hexEncode(nodeCrypto.sha256(Uint8Array.from(readFileSync(project.configPath)))) }
  const statement = formatStatement(summaryOf(verdict, { verifierId: flags.verifierId ?? `urn:vouchsafe:verifier:${encodeURIComponent(hint)}`, version: VERSION, timeVerified: Math.floor(systemClock.nowMs() / 1_000), policy }))
  return { lines: [formatEnvelope(signEnvelope(signer, { payloadType: INTOTO_PAYLOAD_TYPE, payload: utf8Encode(statement), keyId: hint }))], signers: [{ key: signer.verifier.vkey }] }
}

function write(io: CliIo, { lines, signers }: Result, flags: Flags): void {
  if (flags.output !== undefined) writeFileSync(resolve(io.cwd, flags.output), `${lines.join("\n")}\n`)
  if (flags.json === true) printJson(io, { envelopes: lines.map((line) => JSON.parse(line) as unknown), signers })
  else {
    if (flags.output === undefined) printLines(io, lines)
    say(io, signers.map(({ operator, key }) => `signed by ${operator === undefined ? "" : `${operator}: `}${key}`).join("\n"))
  }
}
