import type { Command } from "commander"
import type { CliIo } from "../io.ts"
import type { InitFlags, ProposeFlags } from "../roster/propose.ts"
import type { PublishFlags, SignFlags } from "../roster/sign.ts"
import type { Register } from "./types.ts"

const several = (value: string, before: readonly string[] | undefined): readonly string[] => [...before ?? [], value]
const JSON_OPTION = ["--json", "one JSON document on stdout"] as const

/** `roster show|init|propose|sign|publish|timestamp|update`: who is trusted, changed by several people together. Each part is loaded when it is asked for. */
export const registerRoster: Register = (program, io, done) => {
  const roster = program.command("roster").description("who is trusted: show it, propose a change, sign it, publish it, follow it")
  roster.command("show").description("keyholders, thresholds, ends and nodes; of a proposal what it changes and who signed")
    .argument("[proposal]", "folder of a proposal").option("--repository <dir>", "a repository's folder (default: what the project here has verified)").option(...JSON_OPTION)
    .action(async (proposal: string | undefined, flags: { repository?: string; json?: boolean }) => {
      if (proposal !== undefined) done(await (await import("../roster/sign.ts")).showProposal(io, proposal, flags.json === true))
      else done(await (await import("../roster/show.ts")).show(io, flags))
    })
  proposing(roster.command("init").description("propose a new repository of rosters; its keyholders sign it, then it is published")
    .argument("<proposal>", "new folder for the proposal")
    .option("--keyholder <key>", "one of those who decide: a public key or its file; at least two", several)
    .option("--node <file>", "a node's entry, as `vouchsafe keys node` prints it", several))
    .action(async (proposal: string, flags: InitFlags) => { done((await import("../roster/propose.ts")).init(io, proposal, flags)) })
  proposing(roster.command("propose").description("propose a change; one person may, and it is worth nothing until enough sign")
    .argument("<proposal>", "new folder for the proposal")
    .option("--repository <dir>", "the repository as it is published")
    .option("--add <file>", "a node's entry: a new node, or a new entry of one that is there", several).option("--remove <operator>", "take a node out", several)
    .option("--remove-registry <url>", "a registry that is observed no longer", several)
    .option("--add-keyholder <key>", "a new keyholder: a public key or its file", several).option("--remove-keyholder <name>", "a keyholder who leaves, or gets a new key", several)
    .option("--handover <file>", "new logs of a node, as `vouchsafe-node rotate` hands them over", several)
    .option("--renew", "new ends for everything that the keyholders sign"))
    .action(async (proposal: string, flags: ProposeFlags) => { done(await (await import("../roster/propose.ts")).propose(io, proposal, flags)) })
  roster.command("handover").description("take a node's new logs up in a roster file; in a governed network, propose them")
    .argument("<handover>", "what `vouchsafe-node rotate` wrote").option("--roster <file>", "the roster file (default: that of the project here)").option(...JSON_OPTION)
    .action(async (file: string, flags: { roster?: string; json?: boolean }) => { done((await import("../roster/handover.ts")).takeHandover(io, file, flags)) })
  signing(roster, io, done)
}

/** Options that a first proposal and later ones share. */
function proposing(command: Command): Command {
  return command
    .option("--registry <url>", "a registry that is observed", several).option("--quorum <n>", "operators that must count (default: a majority)")
    .option("--roster <file>", "the whole roster.json, in place of single changes").option("--target <path=file>", "recipes.json, releases.json or sigstore/trusted_root.json", several)
    .option("--threshold <n>", "keyholders that publish together (default: a majority, at least 2)").option("--online-key <key>", "signs snapshots and timestamps: a public key or its file")
    .option("--delegate <role=n:key,…>", "own keys for recipes, releases or sigstore (default: the keyholders)", several)
    .option("--days <n>", "until the proposed metadata is over, at most 30").option("--root-days <n>", "until a new root is over, at most 400").option(...JSON_OPTION)
}

function signing(roster: Command, io: CliIo, done: (status: number) => void): void {
  roster.command("sign").description("show what a proposal changes, and add your signature").argument("<proposal>", "folder of the proposal")
    .option("--key <file>", "your key").option("--passphrase-file <file>", "its passphrase (default: VOUCHSAFE_PASSPHRASE)")
    .option("--genesis <sha256>", "sign for this repository only (default: the one that the project here follows)").option(...JSON_OPTION)
    .action(async (proposal: string, flags: SignFlags) => { done(await (await import("../roster/sign.ts")).sign(io, proposal, flags)) })
  const online = (command: Command): Command => command
    .option("--repository <dir>", "the repository's folder").option("--online-key <file>", "the key of snapshots and timestamps").option("--passphrase-file <file>", "its passphrase (default: VOUCHSAFE_PASSPHRASE)")
    .option("--days <n>", "until the timestamp is over, at most 7").option(...JSON_OPTION)
  online(roster.command("publish").description("install a proposal that enough people signed; below the threshold nothing is changed").argument("<proposal>", "folder of the proposal"))
    .action(async (proposal: string, flags: PublishFlags) => { done(await (await import("../roster/sign.ts")).publish(io, proposal, flags)) })
  online(roster.command("timestamp").description("say again that the repository is the newest there is"))
    .action(async (flags: PublishFlags) => { done(await (await import("../roster/sign.ts")).timestamp(io, flags)) })
  roster.command("update").description("follow the roster of the project here, as every install does").option(...JSON_OPTION)
    .action(async (flags: { json?: boolean }) => { done(await (await import("../roster/show.ts")).update(io, flags)) })
}
