/**
 * `roster init` and `roster propose`.
 *
 * @packageDocumentation
 */
import { nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { parseRoster, shellWord } from "@vouchsafe/core"
import { changeKeyholders, checkDraft, defaultThreshold, type Draft, draftChange, draftGenesis, readRepository, ROSTER_TARGET, signersOf, tufKeyOf, writeProposal } from "@vouchsafe/roster"
import { resolve } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { usage } from "../usage.ts"
import { countOf, daysOf, delegatesOf, nodesOf, readNamed, targetsOf, vkeyOf } from "./arguments.ts"
import { firstRoster, isNoChange, nextRoster, type RosterChange } from "./compose.ts"
import { withHandovers } from "./handover.ts"
import { report } from "./sign.ts"

interface CommonFlags {
  readonly registry?: readonly string[]
  readonly quorum?: string
  readonly roster?: string
  readonly target?: readonly string[]
  readonly threshold?: string
  readonly onlineKey?: string
  readonly delegate?: readonly string[]
  readonly days?: string
  readonly rootDays?: string
  readonly json?: boolean
}

export interface InitFlags extends CommonFlags {
  readonly keyholder?: readonly string[]
  readonly node?: readonly string[]
}

export interface ProposeFlags extends CommonFlags {
  readonly repository?: string
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
  readonly removeRegistry?: readonly string[]
  readonly addKeyholder?: readonly string[]
  readonly removeKeyholder?: readonly string[]
  readonly handover?: readonly string[]
  readonly renew?: boolean
}

const common = (io: CliIo, flags: CommonFlags) => ({
  delegates: delegatesOf(io, flags.delegate ?? []), lifeMs: daysOf("--days", flags.days), rootLifeMs: daysOf("--root-days", flags.rootDays),
})

/** Proposes a new repository. */
export function init(io: CliIo, folder: string, flags: InitFlags): number {
  const holders = (flags.keyholder ?? []).map((key) => tufKeyOf(vkeyOf(io, key)))
  if (holders.length < 2) throw usage(`--keyholder was given ${holders.length} times, expected at least 2: one person alone governs nothing`, "each keyholder makes a key: vouchsafe keys new FILE --name NAME --passphrase")
  if (flags.onlineKey === undefined) throw usage("init needs --online-key KEY", "the key of whoever publishes: it signs snapshots and timestamps, and nothing else")
  const change: RosterChange = { add: nodesOf(io, "--node", flags.node ?? []), remove: [], addRegistries: flags.registry ?? [], removeRegistries: [], quorum: countOf("--quorum", flags.quorum) }
  if (flags.roster !== undefined && !isNoChange(change)) throw usage("--roster stands for --node, --registry and --quorum, expected one or the others")
  if (flags.roster === undefined && change.add.length === 0) throw usage("init needs --node FILE for each node, or --roster FILE")
  const text = flags.roster === undefined ? firstRoster(change) : readNamed(io, "--roster", flags.roster)
  parseRoster(nodeCrypto, text)
  const draft = draftGenesis({
    keyholders: { keys: holders, threshold: countOf("--threshold", flags.threshold) ?? defaultThreshold(holders.length) }, onlineKey: tufKeyOf(vkeyOf(io, flags.onlineKey)),
    targets: new Map([...targetsOf(io, flags.target ?? []), [ROSTER_TARGET, text]]), ...common(io, flags),
  }, systemClock.nowMs())
  return write(io, folder, draft, flags.json === true)
}

/** Proposes a change of a repository. */
export async function propose(io: CliIo, folder: string, flags: ProposeFlags): Promise<number> {
  if (flags.repository === undefined) throw usage("propose needs --repository DIR", "a copy of the repository that is published, such as a checkout")
  const nowMs = systemClock.nowMs()
  const { genesis, chain, current } = await readRepository(resolve(io.cwd, flags.repository), nowMs)
  const change: RosterChange = {
    add: nodesOf(io, "--add", flags.add ?? []), remove: flags.remove ?? [], addRegistries: flags.registry ?? [], removeRegistries: flags.removeRegistry ?? [], quorum: countOf("--quorum", flags.quorum),
  }
  const handovers = flags.handover ?? []
  if (flags.roster !== undefined && !(isNoChange(change) && handovers.length === 0)) throw usage("--roster stands for --add, --remove, --registry, --remove-registry, --handover and --quorum, expected one or the others")
  const present = withHandovers(io, current.texts.get(ROSTER_TARGET) ?? "", handovers)
  const targets = targetsOf(io, flags.target ?? [])
  if (flags.roster !== undefined) targets.set(ROSTER_TARGET, readNamed(io, "--roster", flags.roster))
  else if (!isNoChange(change)) targets.set(ROSTER_TARGET, nextRoster(present, change))
  else if (handovers.length > 0) targets.set(ROSTER_TARGET, present)
  const threshold = countOf("--threshold", flags.threshold)
  const [add, remove] = [(flags.addKeyholder ?? []).map((key) => vkeyOf(io, key)), flags.removeKeyholder ?? []]
  const keyholders = add.length + remove.length > 0 || threshold !== undefined ? changeKeyholders(signersOf(current.root.facts.roles.root, current.root.facts.keys), { add, remove, threshold }) : undefined
  const draft = draftChange(genesis, chain, {
    targets, keyholders, onlineKey: flags.onlineKey === undefined ? undefined : tufKeyOf(vkeyOf(io, flags.onlineKey)), renew: flags.renew === true, ...common(io, flags),
  }, nowMs)
  return write(io, folder, draft, flags.json === true)
}

function write(io: CliIo, folder: string, draft: Draft, json: boolean): number {
  const path = resolve(io.cwd, folder)
  const requirements = checkDraft(nodeCrypto, draft, systemClock.nowMs())
  writeProposal(path, draft)
  report(io, { draft, requirements, signatures: new Map(), json, more: { proposal: path }, last: `wrote ${folder}; next: each keyholder runs \`vouchsafe roster sign ${shellWord(folder)} --key FILE\`` })
  return EXIT.done
}
