/** Reading and writing the files of the state (spec/client.md, "State"). Readers give undefined for anything else than their writer's text. */
import { VouchsafeError } from "@vouchsafe/core"
import type { NoticesMirror } from "@vouchsafe/ports"

const HEAD_FORMAT = "vouchsafe-head/v1"
const NOTICES_FORMAT = "vouchsafe-notices-mirror/v1"
const ACCUSED_FORMAT = "vouchsafe-accused/v1"

type Members = Readonly<Record<string, unknown>>

function parseMembers(text: string, format: string, keys: number): Members | undefined {
  const value = parseJson(text)
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
  const members = value as Members
  return members["format"] === format && Object.keys(members).length === keys ? members : undefined
}

/** undefined for what is no JSON, which is no JSON value. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === "string")

export function formatHead(log: string, checkpoint: string): string {
  return `${JSON.stringify({ format: HEAD_FORMAT, log, checkpoint })}\n`
}

export function parseHead(text: string, log: string): string | undefined {
  const head = parseMembers(text, HEAD_FORMAT, 3)
  return head !== undefined && head["log"] === log && typeof head["checkpoint"] === "string" ? head["checkpoint"] : undefined
}

export function formatMirror(log: string, mirror: NoticesMirror): string {
  return `${JSON.stringify({ format: NOTICES_FORMAT, log, checkpoint: mirror.checkpoint, entries: mirror.entries })}\n`
}

export function parseMirror(text: string, log: string): NoticesMirror | undefined {
  const mirror = parseMembers(text, NOTICES_FORMAT, 4)
  if (mirror === undefined || mirror["log"] !== log || typeof mirror["checkpoint"] !== "string" || !isTexts(mirror["entries"])) return undefined
  return { checkpoint: mirror["checkpoint"], entries: mirror["entries"] }
}

/** Whose log a stored proof is about: the proof's own file stays what anybody can check, handed on as it is. */
export function formatAccused(log: string): string {
  return `${JSON.stringify({ format: ACCUSED_FORMAT, log })}\n`
}

export function parseAccused(text: string): string | undefined {
  const log = parseMembers(text, ACCUSED_FORMAT, 2)?.["log"]
  return typeof log === "string" ? log : undefined
}

/** Times by log; anything unusable is left out. */
export function parseAsked(text: string): Map<string, number> {
  const value = parseJson(text)
  if (typeof value !== "object" || value === null) return new Map()
  return new Map(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === "number" && Number.isFinite(entry[1])))
}

/** The refusal for a file that is not what this program wrote. */
export function damaged(path: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", `file ${path} is damaged`, {
    hint: "it remembers what a log has signed; restore it, or remove it knowing that a rollback by this log would then go unseen",
  })
}
