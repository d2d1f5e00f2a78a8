import { shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { writeFileWhole } from "../state/folder.ts"

/** Says in a data folder that its logs have ended. */
const MARK_NAME = "handed-over.json"
const MARK_LENGTH_MAX = 8192
const FORMAT = "vouchsafe-handed-over/v1"

const read = shapeReader("CONFIG_MALFORMED", MARK_NAME)

/** Marks a data folder: no node starts on it any more. */
export function markHandedOver(data: string, to: string): void {
  writeFileWhole(join(data, MARK_NAME), `${JSON.stringify({ format: FORMAT, to })}\n`, 0o600)
}

/** @throws VouchsafeError STATE_UNSAFE when the folder's logs were handed over: what was signed under its keys from now on would count for nothing. */
export function requireNotHandedOver(data: string): void {
  const path = join(data, MARK_NAME)
  if (!existsSync(path)) return
  throw new VouchsafeError("STATE_UNSAFE", `the logs of ${data} were handed over to ${shown(whereTo(path))}`, {
    details: { path }, hint: "start the node on that folder; this one is kept for fsck and backup only",
  })
}

function whereTo(path: string): string {
  const mark = read.object(read.json(readFileSync(path, "utf8"), MARK_LENGTH_MAX), "document", ["format", "to"])
  read.oneOf(mark["format"], "format", [FORMAT])
  return read.string(mark["to"], "to", MARK_LENGTH_MAX)
}
