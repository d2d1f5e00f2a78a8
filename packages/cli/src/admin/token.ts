import { shellWord } from "@vouchsafe/core"
import { readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import type { CliIo } from "../io.ts"
import type { NodePlace } from "../nodes.ts"
import { usage } from "../usage.ts"

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/
/** Access of anybody but the owner. */
const OTHERS = 0o077

/**
 * A token is as good as a password: from a file that only its owner reads, and over a line that nobody else does.
 * @param otherwise - what to do about a node that is reached over http
 * @throws VouchsafeError USAGE, and what the system says of a file that cannot be read
 */
export function readToken(io: CliIo, place: NodePlace, file: string, otherwise: string): string {
  const { protocol, hostname } = new URL(place.url)
  if (place.socketPath === undefined && protocol !== "https:" && !LOOPBACK.test(hostname)) throw usage(`${place.name} is reached over http, and a token would be read on the way`, otherwise)
  const path = resolve(io.cwd, file)
  if (process.platform !== "win32" && (statSync(path).mode & OTHERS) !== 0) throw usage(`${path} can be read by others, expected mode 0600`, `run: chmod 600 ${shellWord(path)}`)
  const token = readFileSync(path, "utf8").trim().split(/\s+/).at(-1) ?? ""
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) throw usage(`${path} holds no token, expected one line of text without spaces`)
  return token
}
