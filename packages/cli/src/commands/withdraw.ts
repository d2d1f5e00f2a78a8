import type { HttpTransport } from "@vouchsafe/client"
import { httpTransport, loadNpmConfig } from "@vouchsafe/client/node"
import { escapeForDisplay, isVouchsafeError, sha512OfSri } from "@vouchsafe/core"
import { resolve } from "node:path"
import { type AdminFlags, adminPlace, askAdmin } from "../admin/ask.ts"
import { parseSpec, type Spec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { askNode, type NodeAnswer, type NodePlace, refusalOf } from "../nodes.ts"
import { printJson, printLines, say } from "../output.ts"
import { noticesAbout } from "../explain/notices.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { hashFile, hashPublished } from "../release/published.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface Flags extends AdminFlags {
  readonly reason: string
  readonly tarball?: string
  readonly integrity?: string
  readonly reverse?: string | true
  readonly json?: boolean
}

/** `withdraw SPEC --reason R`: has a node say that these bytes must not be installed any more; `--reverse` takes its own word back. */
export const registerWithdraw: Register = (program, io, done) => {
  program.command("withdraw").description("have a node that you run withdraw a package: its notice refuses these bytes wherever the node is trusted; or take such a notice back")
    .argument("[spec]", "name@version").requiredOption("--reason <text>", "why; everybody reads it")
    .option("--integrity <sri>", "the bytes, as lockfiles name them (default: those on the registry, fetched and hashed now)").option("--tarball <file>", "the bytes")
    .option("--node <url>", "the node, by the URL that its roster has (default: your own, over its admin socket)").option("--socket <path>", "a node of your own, by its admin socket")
    .option("--admin-key <file>", "your key, which the node names with its --admin-key; `vouchsafe keys new` makes one").option("--passphrase-file <file>", "its passphrase (default: VOUCHSAFE_PASSPHRASE)")
    .option("--reverse [index]", "take back the node's own notice: the one about SPEC, or the entry of its notices with this index")
    .option("--admin-token-file <file>", "or a token of the node's operator").option("--json", "one JSON document on stdout")
    .action(async (text: string | undefined, flags: Flags) => { done(await act(io, text, flags)) })
}

function act(io: CliIo, text: string | undefined, flags: Flags): Promise<number> {
  if (flags.reverse === undefined) {
    if (text === undefined) throw usage("no package was named, expected name@version")
    return withdraw(io, parseSpec(text), flags)
  }
  if (flags.tarball !== undefined || flags.integrity !== undefined) throw usage("--reverse names a notice, not bytes, expected neither --tarball nor --integrity")
  if (flags.reverse === true && text === undefined) throw usage("no notice was named, expected name@version or --reverse INDEX")
  if (flags.reverse !== true && text !== undefined) throw usage("--reverse INDEX and a package name two notices, expected one of them")
  return reverse(io, flags.reverse === true ? parseSpec(text ?? "") : indexOf(flags.reverse), flags)
}

function indexOf(text: string): number {
  if (!/^(?:0|[1-9]\d{0,8})$/.test(text)) throw usage(`--reverse is "${escapeForDisplay(text)}", expected the index of an entry of the node's notices`, "vouchsafe log inspect --notices lists them")
  return Number(text)
}

async function reverse(io: CliIo, what: Spec | number, flags: Flags): Promise<number> {
  const admin = await adminPlace(io, flags)
  const transport = httpTransport()
  try {
    const index = typeof what === "number" ? what : await noticeAbout(io, what, await operatorOf(transport, admin.place))
    return report(io, admin.place.name, await askAdmin(transport, admin, "reverse", { index, reason: flags.reason }), flags.json === true, { reverses: index }, (entry) => `entry ${index} of the notices of ${escapeForDisplay(admin.place.name)} is reversed by entry ${entry}`)
  } finally {
    transport.close()
  }
}

/** Whose node it is, as it says itself: who may reverse is what it decides. */
async function operatorOf(transport: HttpTransport, place: NodePlace): Promise<string> {
  const { status, document } = await askNode(transport, place, { path: "v1/status" })
  const { operator } = (typeof document === "object" && document !== null ? document : {}) as { operator?: unknown }
  if (status !== 200 || typeof operator !== "string") throw usage(`${place.name} does not say whose it is`, "name the notice with --reverse INDEX; vouchsafe log inspect --notices lists them")
  return operator
}

/** The operator's notice about a version that nothing took back yet. */
async function noticeAbout(io: CliIo, { purl, name, version }: Spec, operator: string): Promise<number> {
  const project = await openFreshProject(io, { dir: io.cwd, env: io.env, lockUse: "pins" })
  try {
    const registry = project.registries.registryFor(name)
    const { evidence } = await project.check([{ purl, registry }])
    const open = noticesAbout(evidence, purl, registry).filter((notice) => notice.operator === operator && notice.reversed === null)
    const [only, ...more] = open
    if (only !== undefined && more.length === 0) return only.index
    throw usage(`${escapeForDisplay(operator)} has ${open.length === 0 ? "no notice" : `${open.length} notices`} about ${escapeForDisplay(`${name}@${version}`)} in force, expected one`, open.length === 0 ? "only who withdrew can reverse" : `name one with --reverse INDEX: ${open.map(({ index }) => index).join(", ")}`)
  } finally {
    project.close()
  }
}

/** Prints what a node answered to a notice. @returns the exit status */
function report(io: CliIo, node: string, answer: NodeAnswer, json: boolean, about: object, done: (index: number) => string): number {
  const { index } = (typeof answer.document === "object" && answer.document !== null ? answer.document : {}) as { index?: unknown }
  if (answer.status === 200 && typeof index === "number" && Number.isSafeInteger(index)) {
    if (json) printJson(io, { node, ...about, index })
    else printLines(io, [done(index)])
    return EXIT.done
  }
  const refused = refusalOf(answer)
  if (json) printJson(io, { error: refused })
  say(io, `vouchsafe: ${escapeForDisplay(refused.code)}: ${escapeForDisplay(refused.message)}${refused.hint === undefined ? "" : `\n  next: ${escapeForDisplay(refused.hint)}`}`)
  return answer.status >= 500 ? EXIT.world : EXIT.refused
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
    return report(io, admin.place.name, answer, flags.json === true, about, (index) => `${escapeForDisplay(`${spec.name}@${spec.version}`)} is withdrawn by ${escapeForDisplay(admin.place.name)}: entry ${index} of its notices`)
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
