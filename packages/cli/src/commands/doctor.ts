import { openProject } from "@vouchsafe/client/node"
import { escapeForDisplay } from "@vouchsafe/core"
import { EXIT } from "../io.ts"
import { printJson, printLines, table } from "../output.ts"
import { checkGuards, checkNodes, checkTrust, type Finding } from "../setup/doctor.ts"
import type { Register } from "./types.ts"

/** `doctor`: whether every guard is really in force. */
export const registerDoctor: Register = (program, io, done) => {
  program.command("doctor").description("whether every guard of this project is really in force, and every node can vouch")
    .option("--json", "one JSON document on stdout")
    .action(async (flags: { json?: boolean }) => {
      const project = await openProject({ dir: io.cwd, env: io.env })
      try {
        const notes = project.notes.map((note): Finding => ({ check: "local node", state: "warning", detail: note.message }))
        const findings = [...checkTrust(project), ...checkGuards(project), ...notes, ...await checkNodes(project)]
        if (flags.json === true) printJson(io, { findings })
        else printLines(io, table(findings.map(({ state, check, detail, hint }) => [state, check, escapeForDisplay(detail) + (hint === undefined ? "" : ` (next: ${hint})`)])))
        done(exitOf(findings))
      } finally {
        project.close()
      }
    })
}

function exitOf(findings: readonly Finding[]): number {
  return findings.some((finding) => finding.state === "problem") ? EXIT.refused : EXIT.done
}
