import { httpTransport, nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { headChecker, isVouchsafeError, parseRoster, type RosterNode } from "@vouchsafe/core"
import { readFileSync } from "node:fs"
import { readHead } from "../logs/read.ts"

const POLL_MS = 100
/** The first nodes of a network ask for cosignatures before the last ones listen, and try again some seconds later. */
const POLLS_MAX = 100

/** Waits until the witnesses have cosigned the logs of every node, so that the next command finds them ready. Gives the operators whose logs are not. */
export async function waitUntilCosigned(rosterPath: string): Promise<string[]> {
  const roster = parseRoster(nodeCrypto, readFileSync(rosterPath, "utf8"))
  const transport = httpTransport()
  const isReady = async (node: RosterNode): Promise<boolean> => {
    const heads = headChecker(nodeCrypto, roster, Math.floor(systemClock.nowMs() / 1_000))
    const signed = await Promise.all((["log", "notices"] as const).map(async (which) => heads.check(node, node[which], (await readHead(nodeCrypto, transport, { url: `${node.url}${which}/`, key: node[which] })).signed)))
    return signed.every(({ ok }) => ok)
  }
  let waiting = [...roster.nodes]
  try {
    for (let poll = 0; poll < POLLS_MAX && waiting.length > 0; poll++) {
      if (poll > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      const ready = await Promise.all(waiting.map((node) => orFalse(isReady(node))))
      waiting = waiting.filter((_, i) => ready[i] !== true)
    }
  } finally {
    transport.close()
  }
  return waiting.map(({ operator }) => operator)
}

/** A head that cannot be read is one that is not ready. */
async function orFalse(answer: Promise<boolean>): Promise<boolean> {
  try {
    return await answer
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return false
  }
}
