/**
 * What `pnpmfile.cjs` loads: one function a hook. Each answers `{ok: true}`, or what to throw.
 *
 * pnpm 12 loads this in two processes for each command, most of which install nothing; the guard itself is therefore
 * started only by a hook that has something to ask.
 *
 * @packageDocumentation
 */
import type { Answer } from "./answer.ts"
import { argumentsOfParent, isWorker, mayFetch, mayInstall } from "./command.ts"
import { isRemote } from "./remote.ts"
import type { Lockfile, PackageId, PackageManifest, PnpmSettings, Resolution, ResolutionContext, WantedDependency } from "./types.ts"

const OK: Answer = { ok: true }

let started: Promise<typeof import("./node.ts")> | undefined
const start = (): Promise<typeof import("./node.ts")> => (started ??= import("./node.ts"))

/** Covers what has no other hook: `pnpm fetch` of pnpm 12, and lockfiles of workspace members in pnpm 10. */
export async function updateConfig(settings: PnpmSettings): Promise<Answer> {
  const isUnseen = isWorker(process.argv)
    ? mayFetch(argumentsOfParent(process.ppid, process.platform))
    : settings.sharedWorkspaceLockfile === false && mayInstall(process.argv.slice(2))
  if (!isUnseen) return OK
  const answer = await (await start()).checkLockfiles(settings)
  if (!answer.ok) await endThreads()
  return answer
}

/**
 * pnpm 10 ends its threads when it has installed something. When a hook of its configuration refuses, it says so, and then
 * would wait for threads that have just unpacked this plugin.
 */
async function endThreads(): Promise<void> {
  const { finishWorkers } = globalThis as { readonly finishWorkers?: () => Promise<void> }
  await finishWorkers?.()
}

export async function preResolution(context: ResolutionContext): Promise<Answer> {
  return (await start()).guard.preResolution(context)
}

export async function readPackage(manifest: PackageManifest): Promise<Answer> {
  // The project's own manifests, and packages that the lockfile already has, which preResolution checked.
  if (manifest.dist === undefined || manifest.dist === null) return OK
  return (await start()).guard.readPackage(manifest)
}

export async function canResolve(wanted: WantedDependency): Promise<Answer> {
  return isRemote(wanted.bareSpecifier) ? (await start()).guard.canResolve(wanted) : OK
}

export async function canFetch(id: PackageId, resolution: Resolution): Promise<Answer> {
  return (await start()).guard.canFetch(id, resolution)
}

export async function afterAllResolved(lockfile: Lockfile): Promise<Answer> {
  return (await start()).guard.afterAllResolved(lockfile)
}
