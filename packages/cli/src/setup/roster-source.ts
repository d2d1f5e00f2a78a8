import { httpTransport, nodeCrypto } from "@vouchsafe/client/node"
import { isVouchsafeError, parseRoster, type Roster, ROSTER_LENGTH_MAX, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"

/** Where a node of the person's own listens when nothing else was said. */
export const LOCAL_NODE_URL = "http://127.0.0.1:4790/"
const TIMEOUT_MS = 10_000

/** Reads a roster from a file, or from a node's URL: whoever is trusted from then on. */
export async function readRoster(cwd: string, source: string | undefined): Promise<{ text: string; roster: Roster; from: string }> {
  const from = source ?? LOCAL_NODE_URL
  const text = /^https?:\/\//.test(from) ? await fetchRoster(from, source === undefined) : readFile(resolve(cwd, from))
  return { text, from, roster: parsed(text, from) }
}

/** @throws VouchsafeError ROSTER_MALFORMED, which says where the roster came from. */
function parsed(text: string, from: string): Roster {
  try {
    return parseRoster(nodeCrypto, text)
  } catch (cause) {
    if (!isVouchsafeError(cause, "ROSTER_MALFORMED")) throw cause
    throw new VouchsafeError("ROSTER_MALFORMED", `${from}: ${cause.message.replace(/^roster: /, "")}`, { cause, hint: cause.hint ?? "name a roster file, or the URL of a node" })
  }
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (cause) {
    throw new VouchsafeError("ROSTER_MALFORMED", `${path} cannot be read`, { cause, hint: "name a roster file, or the URL of a node" })
  }
}

async function fetchRoster(url: string, isGuess: boolean): Promise<string> {
  const transport = httpTransport()
  try {
    const answer = await transport.request({ method: "GET", url: `${url.replace(/\/$/, "")}/v1/roster`, timeoutMs: TIMEOUT_MS, maxBytes: ROSTER_LENGTH_MAX })
    if (answer.status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${url} answered ${answer.status} for its roster, expected 200`)
    return utf8Decode(answer.body)
  } catch (error) {
    if (!isGuess || !isVouchsafeError(error)) throw error
    throw new VouchsafeError("USAGE", "no roster was named and no node of your own runs", {
      cause: error, hint: "vouchsafe init --roster FILE|URL, or start a node with `vouchsafe node` and run init again",
    })
  } finally {
    transport.close()
  }
}
