import { realpathSync } from "node:fs"
import { join } from "node:path"
import { warnUncovered } from "@vouchsafe/client"
import { openProject, systemClock, type NpmRegistries } from "@vouchsafe/client/node"
import { VouchsafeError } from "@vouchsafe/core"
import { answerOfError, warner, type Answer } from "./answer.ts"
import { GATHER_MS } from "./batch.ts"
import { createGuard, type Guard, type GuardParts, type Project } from "./guard.ts"
import { isInside, policyFolder } from "./folders.ts"
import { openHandover } from "./handover.ts"
import { registryIn, registryOfTarball } from "./resolution.ts"
import type { PnpmSettings } from "./types.ts"

/** The guard of this process. */
export const guard: Guard = createGuard(partsOf(process.cwd()))

function partsOf(cwd: string): GuardParts {
  return {
    open: (lockfileDir) => open(lockfileDir, cwd),
    isInside: (lockfileDir, from, path) => isInside(realpathSync(lockfileDir ?? cwd), from, path),
    defer: (callback) => void setTimeout(callback, GATHER_MS),
    nowMs: systemClock.nowMs,
    warn: warner((text) => void process.stderr.write(text)),
  }
}

async function open(lockfileDir: string | undefined, cwd: string): Promise<Project> {
  const { check, policy, roster, stateDir } = await openProject({ dir: policyFolder(lockfileDir, cwd), env: process.env, registries: NONE })
  let handed: Readonly<Record<string, string>> | undefined
  return {
    policy,
    check: async (requests, options) => warnUncovered(await check(requests, options)).verdicts,
    registryFor(name, version, tarball) {
      handed ??= openHandover(join(stateDir, "pnpm"), process.ppid, cwd).take() ?? {}
      // `pnpm patch` and `pnpm self-update` of pnpm 11 fetch without a word about registries
      return registryIn(handed, name) ?? registryOfTarball(roster.registries, name, version, tarball) ?? unknownRegistry(name)
    },
  }
}

/** Checks lockfiles that no other hook will see, before pnpm does anything. */
export async function checkLockfiles(settings: PnpmSettings): Promise<Answer> {
  try {
    // A YAML parser, which no other hook needs.
    const { lockfileDirs, readLockfile } = await import("./lockfiles.ts")
    const cwd = process.cwd()
    const root = settings.workspaceDir ?? settings.lockfileDir ?? settings.dir ?? cwd
    const registries = settings.registriesByScope ?? settings.registries
    if (registries === undefined) return answerOfError(new VouchsafeError("CONFIG_MALFORMED", "pnpm does not say which registries it uses"))
    const dirs = settings.sharedWorkspaceLockfile === false ? lockfileDirs(root) : [settings.lockfileDir ?? root]
    for (const dir of dirs) {
      const lockfile = readLockfile(dir)
      if (lockfile === undefined) continue
      const answer = await guard.unseenLockfile({ wantedLockfile: lockfile, lockfileDir: dir, registries })
      if (!answer.ok) return answer
    }
    const { stateDir } = await openProject({ dir: policyFolder(root, cwd), env: process.env, registries: NONE })
    openHandover(join(stateDir, "pnpm"), process.ppid, cwd).leave(registries)
    return { ok: true }
  } catch (error) {
    return answerOfError(error)
  }
}

function unknownRegistry(name: string): never {
  throw new VouchsafeError("CONFIG_MALFORMED", `pnpm does not say which registry it uses for ${name}`, { hint: "run `pnpm install` instead" })
}

/** pnpm names its registries itself; npm's configuration is another one. */
const NONE: NpmRegistries = {
  default: "", scopes: {}, userConfigPath: "", registryFor: unknownRegistry, credentialsFor: () => undefined, raw: () => undefined,
}
