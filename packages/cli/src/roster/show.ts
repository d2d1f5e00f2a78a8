/**
 * `roster show` of a repository or a project, and `roster update`.
 *
 * @packageDocumentation
 */
import { systemClock } from "@vouchsafe/client/node"
import { parseRoster, VouchsafeError } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { currentOf, formatTime, readRepository, ROSTER_TARGET } from "@vouchsafe/roster"
import { resolve } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines } from "../output.ts"
import { usage } from "../usage.ts"
import { repositoryDocument, repositoryLines } from "./print.ts"
import { bringUpToDate, governedProject } from "./up-to-date.ts"

/** `roster show`: a repository's folder, else what the project here has verified. */
export async function show(io: CliIo, flags: { readonly repository?: string; readonly json?: boolean }): Promise<number> {
  const nowMs = systemClock.nowMs()
  const { genesis, current } = flags.repository === undefined ? await kept(io) : await readRepository(resolve(io.cwd, flags.repository), nowMs)
  const roster = parseRoster(nodeCrypto, current.texts.get(ROSTER_TARGET) ?? "")
  if (flags.json === true) printJson(io, repositoryDocument(genesis, current, roster, nowMs))
  else printLines(io, repositoryLines(genesis, current, roster, nowMs))
  return EXIT.done
}

async function kept(io: CliIo) {
  const governed = await governedProject(io, io.cwd)
  if (governed === undefined) throw usage("the project here has a file for a roster, and no governance", "name a repository with --repository DIR, or a proposal")
  const { chain } = governed.store.load()
  if (chain.size === 0) throw new VouchsafeError("ROSTER_EXPIRED", "no roster of this project was verified yet", { hint: "run `npx vouchsafe roster update`" })
  return { genesis: governed.governance.genesis, current: currentOf(chain) }
}

/** `roster update`: follows the project's sources now. */
export async function update(io: CliIo, flags: { readonly json?: boolean }): Promise<number> {
  const result = await bringUpToDate(io, io.cwd)
  if (result?.current === undefined) throw usage("the project here has a file for a roster, and no governance", "put `governance` with genesis and sources into vouchsafe.json")
  const { roster, expires } = result.current
  const failures = result.failures.map(({ source, error }) => ({ source, code: error.code, message: error.message }))
  if (flags.json === true) printJson(io, { roster: { version: roster.version, digest: roster.digest }, expires: formatTime(expires * 1000), fresh: result.fresh, failures, warnings: result.warnings })
  else printLines(io, [`roster version ${roster.version}, good until ${formatTime(expires * 1000)}${result.fresh ? "" : " (as it was kept: no source was reached)"}`])
  return EXIT.done
}
