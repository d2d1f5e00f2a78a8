/**
 * What a person wants to pin, as artifacts with the digests that the network vouches for.
 *
 * @packageDocumentation
 */
import { openProject, type Project } from "@vouchsafe/client/node"
import { npmNameOf, type Verdict } from "@vouchsafe/core"
import { dirname, resolve } from "node:path"
import { judgeLockfile } from "../check/lockfile.ts"
import { registriesOf } from "../check/registries.ts"
import { parseSpec } from "../check/registry.ts"
import { checkVersions } from "../check/versions.ts"
import { readLockfile } from "../commands/lockfile.ts"
import type { CliIo } from "../io.ts"
import { progressOn } from "../progress.ts"

/** One artifact, as a node's admin socket takes it. */
export interface Artifact {
  readonly purl: string
  readonly registry: string
  readonly sha512: string
}

/** What was named, judged. Only what is vouched for may be pinned. */
export interface Judged {
  readonly allowed: readonly Artifact[]
  readonly refused: readonly { readonly purl: string; readonly code: string; readonly message: string }[]
}

/** Judges specs and a lockfile under the project's policy; the registry is not asked. @throws VouchsafeError as `check` does. */
export async function judgeNamed(io: CliIo, specs: readonly string[], lockfilePath: string | undefined): Promise<Judged> {
  const wanted = specs.map(parseSpec)
  const lockfile = lockfilePath === undefined ? undefined : readLockfile(resolve(io.cwd, lockfilePath))
  const registries = lockfile === undefined || lockfilePath === undefined ? {} : { registries: await registriesOf(lockfile.format, dirname(resolve(io.cwd, lockfilePath)), io.env) }
  const project = await openProject({ dir: io.cwd, env: io.env, onProgress: progressOn(io), ...registries })
  try {
    const verdicts = [...(lockfile === undefined ? [] : (await judgeLockfile(project, lockfile, { versions: true })).result.verdicts), ...await judgeSpecs(project, wanted.map(({ purl }) => purl))]
    return sorted(verdicts)
  } finally {
    project.close()
  }
}

async function judgeSpecs(project: Project, purls: readonly string[]): Promise<readonly Verdict[]> {
  if (purls.length === 0) return []
  const requests = [...new Set(purls)].map((purl) => ({ purl, registry: project.registries.registryFor(npmNameOf(purl).name) }))
  return (await checkVersions(project, requests, {})).verdicts
}

function sorted(verdicts: readonly Verdict[]): Judged {
  const allowed = new Map<string, Artifact>()
  const refused: { purl: string; code: string; message: string }[] = []
  for (const verdict of verdicts) {
    const { purl, registry, sha512 } = verdict
    if (!verdict.ok) refused.push({ purl, code: verdict.code, message: verdict.findings.find(({ code }) => code === verdict.code)?.message ?? verdict.code })
    else if (sha512 === undefined) refused.push({ purl, code: "EXOTIC_SOURCE", message: "nothing says which bytes it has" })
    else allowed.set(`${registry} ${purl} ${sha512}`, { purl, registry, sha512 })
  }
  return { allowed: [...allowed.values()], refused }
}
