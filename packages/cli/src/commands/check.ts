import { openProject } from "@vouchsafe/client/node"
import { resolve } from "node:path"
import { findLockfile, formatLockfileReport, judgeLockfile } from "../check/lockfile.ts"
import { usage } from "../usage.ts"
import { printJson, printLines } from "../output.ts"
import { progressOn } from "../progress.ts"
import { readLockfile } from "./lockfile.ts"
import type { Register } from "./types.ts"

/** `check [LOCKFILE]`: verdicts for a lockfile, without installing. */
export const registerCheck: Register = (program, io, done) => {
  program.command("check").description("verdicts for every package of a lockfile, without installing")
    .argument("[lockfile]", "default: the project's own").option("--json", "one JSON document on stdout")
    .action(async (file: string | undefined, options: { json?: boolean }) => {
      const path = file === undefined ? findLockfile(io.cwd) : resolve(io.cwd, file)
      if (path === undefined) throw usage("no lockfile here or above", "run this in a project, or name a lockfile")
      const lockfile = readLockfile(path)
      const project = await openProject({ dir: io.cwd, env: io.env, onProgress: progressOn(io) })
      try {
        const report = await judgeLockfile(project, lockfile)
        if (options.json === true) {
          const { format, entries, findings, result } = report
          printJson(io, { lockfile: path, format, entries, findings, verdicts: result.verdicts, misbehavior: result.misbehavior.map(({ operator, origin, path: proof }) => ({ operator, origin, proof: proof ?? null })), stats: result.stats })
        } else {
          printLines(io, formatLockfileReport(report))
        }
        done(report.exit)
      } finally {
        project.close()
      }
    })
}
