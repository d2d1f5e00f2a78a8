import type { Project } from "@vouchsafe/client/node"
import { parseSri, sha512OfSri, type Verdict, verdictsExit } from "@vouchsafe/core"
import { parseSpec, registrySha512, type Spec } from "../check/registry.ts"
import { describe } from "../explain/describe.ts"
import { explainDocument } from "../explain/document.ts"
import { type Said, saidAbout } from "../explain/said.ts"
import { EXIT } from "../io.ts"
import { printJson, printLines } from "../output.ts"
import { progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

/** `explain SPEC`: all that is known, and what decided. */
export const registerExplain: Register = (program, io, done) => {
  program.command("explain").description("everything the network knows about one package version, and what decided")
    .argument("<spec>", "name@version").option("--integrity <sri>", "the bytes to judge (default: what the registry offers now)").option("--json", "one JSON document on stdout")
    .action(async (text: string, options: { integrity?: string; json?: boolean }) => {
      const spec = parseSpec(text)
      const project = await openFreshProject(io, { dir: io.cwd, env: io.env, onProgress: progressOn(io) })
      try {
        const sha512 = options.integrity === undefined ? await registrySha512(project.registries, spec) : digestOf(options.integrity)
        const { verdict, said } = await explain(project, spec, sha512)
        if (options.json === true) printJson(io, explainDocument(verdict, said))
        else printLines(io, describe(verdict, said))
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

async function explain(project: Project, spec: Spec, sha512: string): Promise<{ verdict: Verdict; said: Said }> {
  const registry = project.registries.registryFor(spec.name)
  const { verdicts: [verdict], evidence } = await project.check([{ purl: spec.purl, registry, sha512 }])
  if (verdict === undefined) throw new TypeError("a check of one request gave no verdict")
  return { verdict, said: saidAbout(evidence, verdict) }
}
