import type { Project } from "@vouchsafe/client/node"
import { parseSri, sha512OfSri, verdictsExit } from "@vouchsafe/core"
import { parseSpec, registrySha512, type Spec } from "../check/registry.ts"
import { describe } from "../explain/describe.ts"
import { explainDocument } from "../explain/document.ts"
import { noticesAbout } from "../explain/notices.ts"
import { saidAbout } from "../explain/said.ts"
import { type Explained, screenOf } from "../explain/screen.ts"
import { sinceWhat } from "../explain/since.ts"
import { EXIT } from "../io.ts"
import { printJson, printLines } from "../output.ts"
import { progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

/** `explain SPEC`: all that is known, and what decided. */
export const registerExplain: Register = (program, io, done) => {
  program.command("explain").description("everything the network knows about one package version, and what decided")
    .argument("<spec>", "name@version").option("--integrity <sri>", "the bytes to judge (default: what the registry offers now)").option("--all", "every statement in full, instead of one screen").option("--json", "one JSON document on stdout")
    .action(async (text: string, options: { integrity?: string; all?: boolean; json?: boolean }) => {
      const spec = parseSpec(text)
      const project = await openFreshProject(io, { dir: io.cwd, env: io.env, onProgress: progressOn(io), lockUse: "pins" })
      try {
        const sha512 = options.integrity === undefined ? await registrySha512(project.registries, spec) : digestOf(options.integrity)
        const explained = await explain(project, spec, sha512)
        const { verdict, said } = explained
        if (options.json === true) printJson(io, explainDocument(explained))
        else if (options.all === true) printLines(io, describe(verdict, said))
        else printLines(io, screenOf(explained, Math.max(project.roster.threshold, project.policy.threshold ?? 0)))
        done(verdict.ok ? EXIT.done : verdictsExit([verdict]))
      } finally {
        project.close()
      }
    })
}

function digestOf(integrity: string): string {
  parseSri(integrity)
  const sha512 = sha512OfSri(integrity)
  if (sha512 === undefined) throw usage("--integrity has no sha512, expected sha512-…")
  return sha512
}

async function explain(project: Project, spec: Spec, sha512: string): Promise<Explained> {
  const registry = project.registries.registryFor(spec.name)
  const { verdicts: [verdict], evidence } = await project.check([{ purl: spec.purl, registry, sha512 }])
  if (verdict === undefined) throw new TypeError("a check of one request gave no verdict")
  const said = saidAbout(evidence, verdict)
  const first = said.observations.find(({ counts }) => counts) ?? said.observations[0]
  return { verdict, said, notices: noticesAbout(evidence, spec.purl, registry), since: sinceWhat(spec.purl, first?.observation, project.lockFile?.lock.lines.artifacts ?? []) }
}
