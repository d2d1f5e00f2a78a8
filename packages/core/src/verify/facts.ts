/**
 * Members that several statements share: commits, names of people's choosing, and words that only pretend to be facts.
 *
 * @packageDocumentation
 */
import type { Member } from "./members.ts"
import { escapeForDisplay, type ShapeReader } from "./shape.ts"

export const HEX_COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
/** Fingerprint of a key as OpenSSH writes it: unpadded base64 of a SHA-256. */
export const SSH_FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/
/** Fingerprint of an OpenPGP key, version 4 or 6, upper-case as gpg writes it. */
export const OPENPGP_FINGERPRINT = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/

const PLACEHOLDERS: ReadonlySet<string> = new Set(["", "unknown", "none", "n/a", "na", "null", "nil", "undefined", "todo", "tbd", "placeholder", "-", "--", "?", "."])

/** Tells whether a text stands where a fact is missing. Such a statement says nothing, and is malformed. */
export function isPlaceholder(text: string): boolean {
  return PLACEHOLDERS.has(text.trim().toLowerCase())
}

/** A text of one line that says something: not empty, no placeholder, no control or invisible characters, no space around it. */
export function factText(value: unknown, at: string, lengthMax: number, read: ShapeReader): string {
  const text = read.string(value, at, lengthMax)
  if (isPlaceholder(text) || text.trim() !== text) read.fail(at, "a fact, no empty or placeholder text", text)
  return escapeForDisplay(text) === text ? text : read.fail(at, "text of one line without control characters", text)
}

/** A commit digest: SHA-1 or SHA-256, and not one that tools write where there is none. */
export function commitMember(value: unknown, at: string, read: ShapeReader): string {
  const commit = read.pattern(value, at, HEX_COMMIT, "40 or 64 lower-case hex digits")
  return /^(.)\1*$/.test(commit) ? read.fail(at, "a commit, no placeholder", commit) : commit
}

/** A fact of at most `lengthMax` UTF-16 code units. */
export function factMember(lengthMax: number): Member<string> {
  return (value, at, read) => factText(value, at, lengthMax, read)
}
