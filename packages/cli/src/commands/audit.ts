import { auditFolder, type FolderReading, readAudited } from "@vouchsafe/audit"
import { checkLockfile } from "@vouchsafe/client/lockfile"
import { npmRewrites, openProject, type Project, systemClock } from "@vouchsafe/client/node"
import { VouchsafeError } from "@vouchsafe/core"
import { realpathSync } from "node:fs"
import { resolve } from "node:path"
import { auditHost, lockfilesIn } from "../audit/host.ts"
import { type AuditReport, documentOf, exitOf, formatAudit } from "../audit/report.ts"
import { registriesOf } from "../check/registries.ts"
import { weighFindings } from "../check/rules.ts"
import type { CliIo } from "../io.ts"
import { printJson, printLines } from "../output.ts"
import { progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

/** `audit [DIR]`: the files on disk against what was attested. */
export const registerAudit: Register = (program, io, done) => {
  program.command("audit").description("are the installed files what was attested, and is none of them refused")
    .argument("[dir]", "a project, or a container image's folder (default: this one)")
    .option("--offline", "ask nobody: what vouchsafe.lock and the cache hold decides").option("--json", "one JSON document on stdout")
    .action(async (dir: string | undefined, options: { json?: boolean; offline?: boolean }) => {
      const report = await audit(io, folderOf(resolve(io.cwd, dir ?? ".")), options.offline === true)
      if (options.json === true) printJson(io, documentOf(report))
      else printLines(io, formatAudit(report))
      done(exitOf(report))
    })
}

function folderOf(path: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new VouchsafeError("USAGE", `${path} cannot be read`, { cause, hint: "name an existing folder" })
  }
}

async function audit(io: CliIo, root: string, offline: boolean): Promise<AuditReport> {
  const reading = readAudited(root)
  try {
    return await auditOf(reading, io, offline)
  } finally {
    reading.stop()
  }
}

async function auditOf(reading: FolderReading, io: CliIo, offline: boolean): Promise<AuditReport> {
  const { root } = reading
  const lockfiles = lockfilesIn(root)
  // The manager whose configuration says which registry a name belongs to: that of the folder's own lockfile.
  const [own] = lockfiles([""])
  const options = { dir: io.cwd, env: io.env, onProgress: progressOn(io), registries: await registriesOf(own?.lockfile.format ?? "package-lock", root, io.env), lockDir: root }
  const project = offline ? await openProject(options) : await openFreshProject(io, options)
  try {
    const found = await auditFolder(auditHost({ reading, lockfiles, project, check: offline ? { budgetMs: 0 } : {}, openWithoutLock: () => openProject({ ...options, lockUse: "pins" }) }))
    if (own === undefined && isNothing(found)) throw usage(`${root} has no lockfile and nothing installed, so nothing was audited`, "name the folder of a project, or of a container image: vouchsafe audit DIR")
    return { root, audit: found, findings: await findingsOf(project, found) }
  } finally {
    project.close()
  }
}

/** A folder below the project's, say, or one where nothing was installed yet: what finds nothing there must not pass. */
function isNothing({ discovery: { links, others, strays }, packages }: AuditReport["audit"]): boolean {
  return packages.length + links.length + others.length + strays.length === 0
}

/** What `check` says of the lockfiles themselves. What is bundled needs no word of theirs: its files are compared. */
async function findingsOf(project: Project, { lockfiles }: AuditReport["audit"]): Promise<AuditReport["findings"]> {
  const registryFor = (name: string): string => project.registries.registryFor(name)
  const now = Math.floor(systemClock.nowMs() / 1_000)
  const rewritten = await npmRewrites(project.registries)
  return lockfiles.flatMap(({ lockfile }) => {
    const context = lockfile.format === "package-lock" ? { registryFor, rewritten } : { registryFor }
    return weighFindings(project.policy, checkLockfile(lockfile, context), now)
  })
}
