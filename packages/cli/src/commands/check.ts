import type { Progress } from "@vouchsafe/client"
import { openProject } from "@vouchsafe/client/node"
import { dirname, resolve } from "node:path"
import { findLockfile, formatLockfileReport, judgeLockfile, type LockfileReport } from "../check/lockfile.ts"
import { registriesOf } from "../check/registries.ts"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say } from "../output.ts"
import { progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { usage } from "../usage.ts"
import { readLockfile } from "./lockfile.ts"
import type { Register } from "./types.ts"

const OFFLINE = "vouchsafe: nobody was asked (--offline), so what nodes are said not to have is only not at hand\n  next: `npx vouchsafe check` asks them; `npx vouchsafe lock` keeps what they say for later"

/** `check [LOCKFILE]`: verdicts for a lockfile, without installing. */
export const registerCheck: Register = (program, io, done) => {
  program.command("check").description("verdicts for every package of a lockfile, without installing")
    .argument("[lockfile]", "of npm, pnpm or Yarn (default: the project's own)").option("--offline", "ask nobody: what vouchsafe.lock and the cache hold decides").option("--base <ref>", "first compare with this commit: a change must not weaken policy, trust or guards").option("--json", "one JSON document on stdout")
    .action(async (file: string | undefined, options: { json?: boolean; offline?: boolean; base?: string }) => {
      if (options.base !== undefined && (await import("../base/report.ts")).reportWeakenings(io, options.base, options.json === true)) return done(EXIT.refused)
      const path = file === undefined ? findLockfile(io.cwd) : resolve(io.cwd, file)
      if (path === undefined) throw usage("no lockfile here or above", "run this in a project, or name a lockfile")
      const report = await check(io, path, { onProgress: progressOn(io), offline: options.offline === true })
      if (options.json === true) printJson(io, documentOf(path, report))
      else printLines(io, formatLockfileReport(report))
      if (options.offline === true && report.result.verdicts.some(({ ok }) => !ok)) say(io, OFFLINE)
      done(report.exit)
    })
}

async function check(io: CliIo, path: string, { offline, onProgress }: { readonly offline: boolean; readonly onProgress: (progress: Progress) => void }): Promise<LockfileReport> {
  const lockfile = readLockfile(path)
  const dir = dirname(path)
  // A lockfile from elsewhere does not bring its own policy.
  const options = { dir: io.cwd, env: io.env, onProgress, registries: await registriesOf(lockfile.format, dir, io.env), lockDir: dir }
  const project = offline ? await openProject(options) : await openFreshProject(io, options)
  try {
    return await judgeLockfile(project, lockfile, { versions: true, lines: true, ...(offline ? { budgetMs: 0 } : {}) })
  } finally {
    project.close()
  }
}

function documentOf(path: string, { format, entries, tiedAtInstall, findings, result }: LockfileReport): object {
  const misbehavior = result.misbehavior.map(({ operator, origin, path: proof }) => ({ operator, origin, proof: proof ?? null }))
  return { lockfile: path, format, entries, tiedAtInstall, findings, verdicts: result.verdicts, misbehavior, stats: result.stats }
}
