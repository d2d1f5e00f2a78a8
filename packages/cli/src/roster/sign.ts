/**
 * `roster sign`, `roster publish`, `roster timestamp`, and `roster show` of a proposal.
 *
 * @packageDocumentation
 */
import { nodeCrypto, rosterFolder, systemClock, withLock } from "@vouchsafe/client/node"
import { VouchsafeError } from "@vouchsafe/core"
import {
  checkDraft, differenceOf, type Draft, formatTime, progressOf, type Proposal, type Published, publishProposal, type PublishOptions, readProposal, renewTimestamp, type Requirement, signDraft, verifyChain, writeSignatures,
} from "@vouchsafe/roster"
import { resolve } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { openKeyFile } from "../keys/key-file.ts"
import { passphraseOf } from "../keys/passphrase.ts"
import { printJson, printLines, say } from "../output.ts"
import { usage } from "../usage.ts"
import { daysOf } from "./arguments.ts"
import { differenceLines, progressLines } from "./print.ts"
import { genesisHere } from "./up-to-date.ts"

export interface SignFlags {
  readonly key?: string
  readonly passphraseFile?: string
  readonly genesis?: string
  readonly json?: boolean
}

export interface PublishFlags {
  readonly repository?: string
  readonly onlineKey?: string
  readonly passphraseFile?: string
  readonly days?: string
  readonly json?: boolean
}

interface Report {
  readonly draft: Draft
  readonly requirements: readonly Requirement[]
  readonly signatures: Proposal["signatures"]
  readonly json: boolean
  readonly more?: object
  readonly last?: string
}

/** Prints what a proposal changes and who signed. */
export function report(io: CliIo, { draft, requirements, signatures, json, more, last }: Report): void {
  const difference = differenceOf(nodeCrypto, draft)
  const progress = progressOf(nodeCrypto, draft, requirements, signatures)
  if (json) printJson(io, { ...more, difference, signatures: progress, publishable: progress.every(({ isMet }) => isMet) })
  else printLines(io, [...differenceLines(difference), ...progressLines(progress), ...(last === undefined ? [] : [last])])
}

/** A proposal whose start was verified from its genesis on. @throws VouchsafeError ROSTER_REFUSED for another genesis than `expected`. */
async function openProposal(folder: string, expected: string | undefined): Promise<Proposal & { readonly requirements: readonly Requirement[] }> {
  const proposal = readProposal(folder)
  const { genesis, base } = proposal.draft
  const nowMs = systemClock.nowMs()
  if (genesis !== undefined) await verifyChain(genesis, base, nowMs)
  if (expected !== undefined && genesis !== expected) throw new VouchsafeError("ROSTER_REFUSED", `the proposal is for ${genesis === undefined ? "a new repository" : `the genesis ${genesis}`}, expected ${expected}`)
  return { ...proposal, requirements: checkDraft(nodeCrypto, proposal.draft, nowMs) }
}

/** Adds one person's signatures, after showing what they are for. */
export async function sign(io: CliIo, folder: string, flags: SignFlags): Promise<number> {
  if (flags.key === undefined) throw usage("sign needs --key FILE", "your own key, made with `vouchsafe keys new`")
  const path = resolve(io.cwd, folder)
  const { draft, requirements } = await openProposal(path, flags.genesis ?? await genesisHere(io))
  if (flags.json !== true) printLines(io, differenceLines(differenceOf(nodeCrypto, draft)))
  const signer = await openKeyFile(resolve(io.cwd, flags.key), () => passphraseOf(io, flags.passphraseFile))
  writeSignatures(path, signDraft(draft, requirements, signer))
  const { signatures } = readProposal(path)
  const progress = progressOf(nodeCrypto, draft, requirements, signatures)
  if (flags.json === true) report(io, { draft, requirements, signatures, json: true, more: { signedBy: signer.verifier.name } })
  else printLines(io, [`signed by ${signer.verifier.name}`, ...progressLines(progress)])
  return EXIT.done
}

/** `roster show PROPOSAL`. */
export async function showProposal(io: CliIo, folder: string, json: boolean): Promise<number> {
  const { draft, requirements, signatures } = await openProposal(resolve(io.cwd, folder), undefined)
  report(io, { draft, requirements, signatures, json })
  return EXIT.done
}

async function publishOptions(io: CliIo, command: string, flags: PublishFlags): Promise<PublishOptions> {
  if (flags.repository === undefined || flags.onlineKey === undefined) throw usage(`${command} needs --repository DIR and --online-key FILE`)
  const online = await openKeyFile(resolve(io.cwd, flags.onlineKey), () => passphraseOf(io, flags.passphraseFile))
  return {
    folder: resolve(io.cwd, flags.repository), online, crypto: nodeCrypto, nowMs: systemClock.nowMs(), timestampLifeMs: daysOf("--days", flags.days), // Not in the repository: all of that is served.
    withLock: (_, action) => withLock(rosterFolder(io.env, "publishing"), action),
  }
}

/** Makes a proposal the repository's state; below the thresholds nothing is changed. */
export async function publish(io: CliIo, folder: string, flags: PublishFlags): Promise<number> {
  const options = await publishOptions(io, "publish", flags)
  const { draft, requirements, signatures } = await openProposal(resolve(io.cwd, folder), undefined)
  const result = await publishProposal({ draft, signatures }, options)
  if ("progress" in result) {
    if (flags.json === true) report(io, { draft, requirements, signatures, json: true, more: { published: false } })
    else {
      printLines(io, progressLines(result.progress))
      say(io, "vouchsafe: not enough keyholders have signed; nothing was published")
    }
    return EXIT.refused
  }
  printPublished(io, result, flags.json === true)
  return EXIT.done
}

/** Says once more that the repository is the newest. */
export async function timestamp(io: CliIo, flags: PublishFlags): Promise<number> {
  printPublished(io, await renewTimestamp(await publishOptions(io, "timestamp", flags)), flags.json === true)
  return EXIT.done
}

function printPublished(io: CliIo, { genesis, current }: Published, json: boolean): void {
  const expires = formatTime(current.expires * 1000)
  if (json) printJson(io, { published: true, genesis, roster: { version: current.roster.version, digest: current.roster.digest }, expires })
  else printLines(io, [`genesis ${genesis}`, `roster version ${current.roster.version}, good until ${expires}`, "before then: `vouchsafe roster timestamp` renews the timestamp, `roster propose --renew` what people sign"])
}
