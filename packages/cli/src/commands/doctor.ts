import { httpTransport, systemClock } from "@vouchsafe/client/node"
import { escapeForDisplay } from "@vouchsafe/core"
import { dirname } from "node:path"
import { registriesOf } from "../check/registries.ts"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, table } from "../output.ts"
import { checkAround, checkNodes, checkTrust } from "../setup/doctor.ts"
import type { Finding } from "../setup/finding.ts"
import { checkGuards } from "../setup/guards.ts"
import { checkLock } from "../setup/lock.ts"
import { findManagers, isYarnClassic } from "../setup/managers.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import type { Register } from "./types.ts"

/** `doctor`: whether every guard is really in force. */
export const registerDoctor: Register = (program, io, done) => {
  program.command("doctor").description("whether every guard of this project is really in force, and every node can vouch")
    .option("--json", "one JSON document on stdout")
    .action(async (flags: { json?: boolean }) => {
      const findings = await examine(io)
      if (flags.json === true) printJson(io, { findings })
      else printLines(io, table(findings.map(({ state, check, detail, hint }) => [state, check, escapeForDisplay(detail) + (hint === undefined ? "" : ` (next: ${escapeForDisplay(hint)})`)])))
      done(findings.some((finding) => finding.state === "problem") ? EXIT.refused : EXIT.done)
    })
}

const LOCK_FORMATS = { npm: "package-lock", pnpm: "pnpm-lock", yarn: "yarn-berry" } as const

/** Ids of the registries that the project's package managers take packages from. */
async function registriesIn(root: string, io: CliIo): Promise<string[]> {
  const formats = findManagers(root).map((manager) => (manager === "yarn" && isYarnClassic(root) ? "yarn-classic" as const : LOCK_FORMATS[manager]))
  const found = await Promise.all(formats.map((format) => registriesOf(format, root, io.env)))
  return found.flatMap((registries) => [registries.default, ...Object.values(registries.scopes)])
}

async function examine(io: CliIo): Promise<Finding[]> {
  const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
  const transport = httpTransport()
  try {
    const now = Math.floor(systemClock.nowMs() / 1_000)
    const notes = project.notes.map((note): Finding => ({ check: "local node", state: "warning", detail: note.message }))
    const root = dirname(project.configPath)
    return [...checkTrust(project, await registriesIn(root, io), now), ...checkAround(project, io.env, now), ...checkGuards(root, project.registries, io.env), ...await checkLock(root, project, io.env), ...notes, ...await checkNodes(project, transport, now)]
  } finally {
    transport.close()
    project.close()
  }
}
