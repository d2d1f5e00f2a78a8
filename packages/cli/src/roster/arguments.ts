/**
 * What people write on the command line of `roster`, as values.
 *
 * @packageDocumentation
 */
import { parseVerifierKey, registryIdOf, type RosterNode, shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { parseNameList } from "@vouchsafe/names"
import { PATH_BY_ROLE, type DelegatedRole, DELEGATED, type Signers, tufKeyOf } from "@vouchsafe/roster"
import { existsSync, readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import type { CliIo } from "../io.ts"
import { readVerifier } from "../keys/key-file.ts"
import { usage } from "../usage.ts"

const DAY_MS = 86_400_000
const FILE_BYTES_MAX = 3_145_728
const DAYS = /^[1-9][0-9]{0,3}$/
const COUNT = /^[1-9][0-9]{0,2}$/

/** Text of a file that was named. @throws VouchsafeError USAGE. */
export function readNamed(io: CliIo, option: string, path: string): string {
  const full = resolve(io.cwd, path)
  if (!existsSync(full) || !statSync(full).isFile()) throw usage(`${option} ${shown(path)} is no file`)
  if (statSync(full).size > FILE_BYTES_MAX) throw usage(`${option} ${shown(path)} has more than ${FILE_BYTES_MAX} bytes`)
  return readFileSync(full, "utf8")
}

/** A key: its text form, or the file that holds it. */
export function vkeyOf(io: CliIo, text: string): string {
  const path = resolve(io.cwd, text)
  return existsSync(path) ? readVerifier(path).vkey : text
}

/** Node entries as `vouchsafe keys node` prints them: one JSON object, or one a line. @throws VouchsafeError USAGE. */
export function nodesOf(io: CliIo, option: string, paths: readonly string[]): readonly RosterNode[] {
  return paths.flatMap((path) => documentsIn(readNamed(io, option, path), `${option} ${path}`).map((entry) => nodeOf(entry, `${option} ${path}`)))
}

function documentsIn(text: string, what: string): readonly unknown[] {
  const parse = (part: string): unknown => {
    try {
      return JSON.parse(part)
    } catch (cause) {
      throw new VouchsafeError("USAGE", `${what} is no node entry, expected what \`vouchsafe keys node\` prints`, { cause })
    }
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "")
  return lines.length > 1 && lines.every((line) => line.startsWith("{") && line.trimEnd().endsWith("}")) ? lines.map(parse) : [parse(text)]
}

/** The whole of it is judged again as part of the roster. */
function nodeOf(value: unknown, what: string): RosterNode {
  const read = shapeReader("USAGE", what)
  const entry = read.object(value, "entry", ["operator", "url", "log", "notices", "witness"], ["retired"])
  const key = (member: string) => parseVerifierKey(read.string(entry[member], member, 512))
  const retired = entry["retired"] === undefined ? undefined : read.array(entry["retired"], "retired", 16).map((one, i) => {
    const members = read.object(one, `retired[${i}]`, ["log", "final"])
    return { log: parseVerifierKey(read.string(members["log"], `retired[${i}].log`, 512)), final: read.string(members["final"], `retired[${i}].final`, 65_536), size: 0 }
  })
  return {
    operator: read.string(entry["operator"], "operator", 63), url: registryIdOf(read.string(entry["url"], "url", 512)), log: key("log"), notices: key("notices"), witness: key("witness"),
    ...(retired === undefined ? {} : { retired }),
  }
}

/** `PATH=FILE` by path. @throws VouchsafeError USAGE, NAMES_MALFORMED. */
export function targetsOf(io: CliIo, pairs: readonly string[]): Map<string, string> {
  return new Map(pairs.map((pair) => {
    const at = pair.indexOf("=")
    const path = pair.slice(0, at)
    if (at < 1 || !Object.values(PATH_BY_ROLE).includes(path)) throw usage(`--target is ${shown(pair)}, expected PATH=FILE with one of ${Object.values(PATH_BY_ROLE).join(", ")}`)
    const text = readNamed(io, "--target", pair.slice(at + 1))
    // No node would use another spelling, and nobody would notice.
    if (path === PATH_BY_ROLE.names) parseNameList(text)
    return [path, text]
  }))
}

/** `ROLE=N:KEY,KEY…` by role. @throws VouchsafeError USAGE. */
export function delegatesOf(io: CliIo, texts: readonly string[]): ReadonlyMap<DelegatedRole, Signers> {
  return new Map(texts.map((text) => {
    const [, name, threshold, keys] = /^([a-z]+)=([1-9][0-9]?):(.+)$/s.exec(text) ?? []
    const role = DELEGATED.find((known) => known === name && known !== "roster")
    if (role === undefined) throw usage(`--delegate is ${shown(text)}, expected ROLE=N:KEY,KEY with one of ${DELEGATED.slice(1).join(", ")}`)
    return [role, { threshold: Number(threshold), keys: (keys ?? "").split(",").map((key) => tufKeyOf(vkeyOf(io, key))) }]
  }))
}

export function daysOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!DAYS.test(text)) throw usage(`${option} is ${shown(text)}, expected a number of days`)
  return Number(text) * DAY_MS
}

export function countOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!COUNT.test(text)) throw usage(`${option} is ${shown(text)}, expected a number`)
  return Number(text)
}
