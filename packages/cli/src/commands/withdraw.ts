import { httpTransport, loadNpmConfig } from "@vouchsafe/client/node"
import { escapeForDisplay, isVouchsafeError, sha512OfSri } from "@vouchsafe/core"
import { resolve } from "node:path"
import { type AdminFlags, adminPlace, askAdmin } from "../admin/ask.ts"
import { parseSpec, type Spec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { refusalOf } from "../nodes.ts"
import { printJson, printLines, say } from "../output.ts"
import { hashFile, hashPublished } from "../release/published.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface Flags extends AdminFlags {
  readonly reason: string
  readonly tarball?: string
  readonly integrity?: string
  readonly json?: boolean
}

/** `withdraw SPEC --reason R`: has a node say that these bytes must not be installed any more. */
export const registerWithdraw: Register = (program, io, done) => {
  program.command("withdraw").description("have a node that you run withdraw a package: its notice refuses these bytes wherever the node is trusted")
    .argument("<spec>", "name@version").requiredOption("--reason <text>", "why; everybody reads it")
    .option("--integrity <sri>", "the bytes, as lockfiles name them (default: those on the registry, fetched and hashed now)").option("--tarball <file>", "the bytes")
    .option("--node <url>", "the node, by the URL that its roster has (default: your own, over its admin socket)").option("--socket <path>", "a node of your own, by its admin socket")
    .option("--admin-key <file>", "your key, which the node names with its --admin-key; `vouchsafe keys new` makes one").option("--passphrase-file <file>", "its passphrase (default: VOUCHSAFE_PASSPHRASE)")
    .option("--admin-token-file <file>", "or a token of the node's operator").option("--json", "one JSON document on stdout")
    .action(async (text: string, flags: Flags) => { done(await withdraw(io, parseSpec(text), flags)) })
}

async function withdraw(io: CliIo, spec: Spec, flags: Flags): Promise<number> {
  const admin = await adminPlace(io, flags)
  const registries = await loadNpmConfig({ dir: io.cwd, env: io.env as NodeJS.ProcessEnv })
  const digest = digestOf(io, flags)
  const sha512 = digest ?? await hashPublished(registries, spec)
  const about = { purl: spec.purl, registry: registries.registryFor(spec.name), sha512 }
  const transport = httpTransport()
  try {
    const answer = await askAdmin(transport, admin, "withdraw", { ...about, reason: flags.reason })
    const { index } = (typeof answer.document === "object" && answer.document !== null ? answer.document : {}) as { index?: unknown }
    if (answer.status === 200 && Number.isSafeInteger(index)) {
      if (flags.json === true) printJson(io, { node: admin.place.name, ...about, index })
      else printLines(io, [`${escapeForDisplay(`${spec.name}@${spec.version}`)} is withdrawn by ${escapeForDisplay(admin.place.name)}: entry ${String(index)} of its notices`])
      return EXIT.done
    }
    const refused = refusalOf(answer)
    if (flags.json === true) printJson(io, { error: refused })
    say(io, `vouchsafe: ${escapeForDisplay(refused.code)}: ${escapeForDisplay(refused.message)}${refused.hint === undefined ? "" : `\n  next: ${escapeForDisplay(refused.hint)}`}`)
    return answer.status >= 500 ? EXIT.world : EXIT.refused
  } finally {
    transport.close()
  }
}

/** The bytes that were named, or undefined for those of the registry. */
function digestOf(io: CliIo, { integrity, tarball }: Flags): string | undefined {
  if (integrity !== undefined && tarball !== undefined) throw usage("--integrity and --tarball name the bytes twice, expected one of them")
  if (tarball !== undefined) return hashFile(resolve(io.cwd, tarball))
  if (integrity === undefined) return undefined
  const sha512 = readIntegrity(integrity)
  if (sha512 === undefined) throw usage(`--integrity is "${escapeForDisplay(integrity)}", expected sha512-BASE64`, "a lockfile has it beside the version")
  return sha512
}

function readIntegrity(text: string): string | undefined {
  try {
    return sha512OfSri(text)
  } catch (error) {
    if (isVouchsafeError(error, "SRI_MALFORMED")) return undefined
    throw error
  }
}
