import { findConfig, httpTransport, type KeptList, readList, readPolicy, systemClock, writeList } from "@vouchsafe/client/node"
import { DAY_SECONDS, escapeForDisplay, isVouchsafeError, type Policy } from "@vouchsafe/core"
import { type CliIo, EXIT } from "../io.ts"
import { gatherList } from "../lists/source.ts"
import { diskError, exitOf, printJson, printLines, say, table } from "../output.ts"
import type { Register } from "./types.ts"

const NONE = "vouchsafe.json subscribes to no lists"

/** `lists update` and `lists show`: known-malicious packages that the policy subscribes to. */
export const registerLists: Register = (program, io, done) => {
  const lists = program.command("lists").description("lists of known-malicious packages that vouchsafe.json subscribes to")
  lists.command("update").description("fetch every list; one that cannot be fetched stays as it is").option("--json", "one JSON document on stdout")
    .action(async (flags: { json?: boolean }) => { done(await update(io, flags.json === true)) })
  lists.command("show").description("what is at hand, and how old it is").option("--json", "one JSON document on stdout")
    .action((flags: { json?: boolean }) => { done(show(io, flags.json === true)) })
}

function listsHere(io: CliIo): Policy["lists"] {
  return readPolicy(findConfig(io.cwd, io.env), io.env).policy.lists
}

async function update(io: CliIo, json: boolean): Promise<number> {
  const lists = listsHere(io)
  const transport = httpTransport()
  const updated: object[] = []
  const failed: object[] = []
  let status: number = EXIT.done
  try {
    for (const subscription of lists) {
      const { name, source } = subscription
      try {
        // Before it is fetched: what happens in between is not on it.
        const fetched = Math.floor(systemClock.nowMs() / 1_000)
        const { entries, records, unusable } = await gatherList(source, { transport, nowMs: () => systemClock.nowMs() })
        writeList(io.env, subscription, fetched, entries)
        updated.push({ name, source, records, entries: entries.length, unusable })
        if (!json) printLines(io, [`${name}: ${entries.length} entries of ${records} records${unusable === 0 ? "" : `, ${unusable} unusable`}`])
      } catch (error) {
        const known = isVouchsafeError(error) ? error : diskError(error)
        if (known === undefined) throw error
        failed.push({ name, source, error: { code: known.code, message: known.message } })
        say(io, `vouchsafe: list ${name}: ${known.code}: ${escapeForDisplay(known.message)}; it stays as it was`)
        status = Math.max(status, exitOf(known))
      }
    }
  } finally {
    transport.close()
  }
  if (json) printJson(io, { updated, failed })
  else if (lists.length === 0) printLines(io, [NONE])
  return status
}

function show(io: CliIo, json: boolean): number {
  const now = Math.floor(systemClock.nowMs() / 1_000)
  const kept = listsHere(io).map((subscription) => readList(io.env, subscription, now))
  if (json) printJson(io, { lists: kept.map(({ subscription, list, problem }) => ({ ...subscription, entries: list?.lines ?? null, fetched: list?.fetched ?? null, problem: problem ?? null })) })
  else if (kept.length === 0) printLines(io, [NONE])
  else printLines(io, table([["list", "entries", "fetched", "state", "source"], ...kept.map((one) => rowOf(one, now))]))
  if (kept.every(({ problem }) => problem === undefined)) return EXIT.done
  say(io, "vouchsafe: NOTICES_STALE: a list that cannot be used refuses every package\n  next: `npx vouchsafe lists update`")
  return EXIT.refused
}

function rowOf({ subscription: { name, source, maxAgeSeconds }, list, problem }: KeptList, now: number): string[] {
  const left = list === undefined ? 0 : list.fetched + maxAgeSeconds - now
  return [
    name, list === undefined ? "-" : String(list.lines), list === undefined ? "never" : new Date(list.fetched * 1_000).toISOString(),
    escapeForDisplay(problem ?? `good for ${left >= DAY_SECONDS ? `${Math.floor(left / DAY_SECONDS)} d` : `${Math.floor(left / 60)} min`}`), escapeForDisplay(source),
  ]
}
