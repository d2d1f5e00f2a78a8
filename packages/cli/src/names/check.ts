/**
 * What `names check` says about each name (spec/names.md, "Command line").
 *
 * @packageDocumentation
 */
import type { LookalikeKind } from "@vouchsafe/core"
import { VouchsafeError } from "@vouchsafe/core"
import type { Names } from "@vouchsafe/names"

/** One name's line. */
export interface NameVerdict {
  readonly name: string
  readonly verdict: "ok" | "lookalike"
  /** The name that it could be taken for; null for `ok`. */
  readonly target: string | null
  readonly kind: LookalikeKind | null
}

/** Judges names, in the order in which they were given. */
export function judgeNames(names: Names, asked: readonly string[]): readonly NameVerdict[] {
  return asked.map((name) => {
    const found = names.lookalike(name)
    return { name, verdict: found === null ? "ok" : "lookalike", target: found?.target ?? null, kind: found?.kind ?? null }
  })
}

const HOW: Readonly<Record<LookalikeKind, string>> = {
  edit: "one slip of the hand away", separator: "the same but for separators", homoglyph: "with letters that look like others", scope: "with another scope, or none",
  affix: "with a word that says nothing added", plural: "the same but for an s", digit: "with a digit that the other has not", order: "the same words in another order",
}

/** A verdict in words. */
export function describeVerdict({ name, verdict, target, kind }: NameVerdict): readonly string[] {
  return verdict === "ok" || kind === null ? [name, "ok"] : [name, "lookalike", `could be taken for ${target ?? ""}: ${HOW[kind]}`]
}

const LIST_LINES_MAX = 20_000

/** Names of a plain list: one a line, blank lines and those that begin with # left out. @throws VouchsafeError USAGE. */
export function readNames(text: string, path: string): readonly string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
  const wrong = lines.find((line) => /[\s,;"']/.test(line))
  if (wrong !== undefined) throw new VouchsafeError("USAGE", `${path}: expected one name a line, found ${JSON.stringify(wrong)}`, { hint: "name a lockfile, or a file with one name a line" })
  if (lines.length > LIST_LINES_MAX) throw new VouchsafeError("USAGE", `${path}: ${lines.length} names, expected at most ${LIST_LINES_MAX}`)
  return lines
}
