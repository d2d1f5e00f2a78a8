import { type ConfigLocation, dropExceptions, findConfig, loadNpmConfig, putException, readPolicy, systemClock } from "@vouchsafe/client/node"
import { displayName, escapeForDisplay, parsePolicy, sha512OfSri, shown, unlessRefused } from "@vouchsafe/core"
import { readFileSync } from "node:fs"
import { checkWish, EXCEPTABLE_CODES, indexOfSame, isBound, standing, type Wish } from "../allow/exceptions.ts"
import { parseSpec, registrySha512, type Spec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say, table } from "../output.ts"
import { writeFiles } from "../setup/files.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface Flags {
  readonly code?: string
  readonly owner?: string
  readonly reason?: string
  readonly until?: string
  readonly integrity?: string
  readonly list?: boolean
  readonly remove?: boolean
  readonly json?: boolean
}

/** `allow SPEC --code C --owner O --reason R --until DATE`: records an exception. */
export const registerAllow: Register = (program, io, done) => {
  program.command("allow").description("record in vouchsafe.json that a package is installed in spite of a finding, until a day; or list and remove such exceptions")
    .argument("[spec]", "name@version").option("--code <code>", `what is excepted: ${EXCEPTABLE_CODES.join(", ")}`).option("--owner <who>", "who answers for it").option("--reason <text>", "why; everybody reads it")
    .option("--until <day>", "its last day, such as 2026-12-31 (UTC); withdrawals and conflicts: at most 30 days").option("--integrity <sri>", "the bytes that it is about (withdrawals and conflicts, by default: those on the registry now)")
    .option("--list", "list all exceptions, with the days left").option("--remove", "remove the exceptions of SPEC, of --code where it is given").option("--json", "one JSON document on stdout")
    .action(async (text: string | undefined, flags: Flags) => { done(await allow(io, text, flags)) })
}

async function allow(io: CliIo, text: string | undefined, flags: Flags): Promise<number> {
  const location = findConfig(io.cwd, io.env)
  const now = Math.floor(systemClock.nowMs() / 1_000)
  if (flags.list === true) {
    if (text !== undefined || flags.remove === true) throw usage("--list takes no package and nothing else")
    return list(io, location, now, flags.json === true)
  }
  if (text === undefined) throw usage("no package was named, expected name@version", "vouchsafe allow --list shows what is recorded")
  const spec = parseSpec(text)
  return flags.remove === true ? remove(io, location, spec, flags) : record(io, location, spec, flags, now)
}

async function record(io: CliIo, location: ConfigLocation, spec: Spec, flags: Flags, now: number): Promise<number> {
  const { code, owner, reason, until } = flags
  if (code === undefined || owner === undefined || reason === undefined || until === undefined) throw usage("an exception needs --code, --owner, --reason and --until", "vouchsafe explain names the code")
  const wish = checkWish({ purl: spec.purl, code, owner, reason, until }, now)
  const text = readFileSync(location.path, "utf8")
  const policy = parsePolicy(text)
  const sha512 = await digestFor(io, wish, spec, flags.integrity)
  const { purl } = wish
  const exception = { purl, code: wish.code, owner, reason, until, ...(sha512 === undefined ? {} : { sha512 }) }
  const index = indexOfSame(policy, exception)
  write(location, putException(text, exception, index))
  const { floors } = readPolicy(location, io.env)
  const renewed = index !== undefined
  if (flags.json === true) printJson(io, { exception, renewed, file: location.path })
  else printLines(io, [`${displayName(purl)} is excepted from ${wish.code} until ${until}${renewed ? ", in place of an earlier exception" : ""}: commit ${location.path}`])
  for (const floor of floors) say(io, `vouchsafe: the floor ${floor} must have this exception too, where it refuses for ${wish.code}`)
  return EXIT.done
}

/** Findings about bytes, or that may be about them, are excepted for these bytes alone (THREATS A3). */
async function digestFor(io: CliIo, { code }: Wish, spec: Spec, integrity: string | undefined): Promise<string | undefined> {
  if (integrity !== undefined) {
    const sha512 = unlessRefused(() => sha512OfSri(integrity))
    if (sha512 === undefined) throw usage(`--integrity is ${shown(integrity)}, expected sha512-BASE64`, "a lockfile has it beside the version")
    return sha512
  }
  return isBound(code) || code === "NOT_VOUCHED" ? registrySha512(await loadNpmConfig({ dir: io.cwd, env: io.env }), spec) : undefined
}

function remove(io: CliIo, location: ConfigLocation, { purl }: Spec, { code, json }: Flags): number {
  const text = readFileSync(location.path, "utf8")
  const { exceptions } = parsePolicy(text)
  const indices = exceptions.flatMap((exception, i) => (exception.purl === purl && (code === undefined || exception.code === code) ? [i] : []))
  if (indices.length === 0) throw usage(`${displayName(purl)} has no exception${code === undefined ? "" : ` for ${shown(code)}`}`, "vouchsafe allow --list shows what is recorded")
  write(location, dropExceptions(text, indices))
  const removed = indices.map((index) => exceptions[index]?.code ?? "")
  if (json === true) printJson(io, { purl, removed, file: location.path })
  else printLines(io, [`${displayName(purl)} is no longer excepted from ${removed.join(", ")}: commit ${location.path}`])
  return EXIT.done
}

/** Nothing is written that could not be read again. */
function write({ path, dir }: ConfigLocation, content: string): void {
  parsePolicy(content)
  writeFiles(dir, [{ path, content, why: "", place: "edited" }])
}

function list(io: CliIo, location: ConfigLocation, now: number, json: boolean): number {
  const exceptions = standing(parsePolicy(readFileSync(location.path, "utf8")), now)
  if (json) printJson(io, { exceptions: exceptions.map(({ untilSeconds: _, ...exception }) => exception) })
  else if (exceptions.length === 0) printLines(io, ["no exceptions"])
  else {
    printLines(io, table([["package", "code", "until", "left", "owner", "reason"], ...exceptions.map(({ purl, code, until, daysLeft, state, owner, reason }) => [
      displayName(purl), code, until, state === "ended" ? "ENDED" : `${daysLeft} ${daysLeft === 1 ? "day" : "days"}${state === "ends soon" ? ", ENDS SOON" : ""}`, escapeForDisplay(owner), escapeForDisplay(reason),
    ])]))
  }
  return EXIT.done
}
