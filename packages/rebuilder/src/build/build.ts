/**
 * Runs a recipe in the sandbox and takes the one tarball that it packed.
 *
 * A build has no network but the frozen view, which has no way to the version that is being rebuilt; the published tarball lies in
 * none of its folders (THREATS A10).
 *
 * @packageDocumentation
 */
import { constants } from "node:fs"
import { copyFile, lstat, readdir } from "node:fs/promises"
import { join } from "node:path"
import { TARBALL_LIMITS } from "@vouchsafe/tarball"
import type { Recipe } from "../recipe/recipe.ts"
import type { Executor, SandboxLimits, SandboxOutcome } from "../sandbox/executor.ts"
import type { Toolchain } from "../toolchain/toolchain.ts"
import type { FailureCode, RebuildLimits } from "../types.ts"
import { commandsOfStep, type StepCommand } from "./commands.ts"
import { buildEnvironment, type BuildFolders, makeFolders, mountsOf, VIEW_PORT, writeCommands } from "./layout.ts"
import { createTail } from "./tail.ts"

/** What is built. */
export interface BuildQuestion {
  readonly executor: Executor
  readonly recipe: Recipe
  readonly toolchains: readonly Toolchain[]
  /** Folder of the host with the checked out source. */
  readonly source: string
  /** An own folder of the host, in which the build's folders are made. */
  readonly workspace: string
  /** Unix socket of the frozen view. */
  readonly view: string
  /** Unix seconds. */
  readonly frozenAt: number
  readonly limits: RebuildLimits
  readonly onStep: (name: string) => void
  readonly onOutput: (chunk: Uint8Array) => void
}

/** The tarball, or which step failed and how. */
export type BuildOutcome =
  | { readonly ok: true, readonly tarball: string }
  | { readonly ok: false, readonly step: string, readonly code: FailureCode, readonly detail: string }

/** Builds and packs. */
export async function build(question: BuildQuestion): Promise<BuildOutcome> {
  const { recipe, toolchains } = question
  const folders = await makeFolders(question.workspace, question.source)
  await writeCommands(folders.commands, toolchains)
  for (const step of recipe.steps) {
    for (const command of commandsOfStep(step, recipe.managers)) {
      const failed = await runStep(question, folders, command)
      if (failed !== undefined) return failed
    }
  }
  return takeTarball(folders.packed, join(question.workspace, "rebuilt.tgz"))
}

async function runStep(question: BuildQuestion, folders: BuildFolders, { name, argv, cwd }: StepCommand): Promise<BuildOutcome | undefined> {
  const { executor, limits, toolchains } = question
  question.onStep(name)
  const tail = createTail()
  const outcome = await executor.run(
    { mounts: mountsOf(folders, toolchains, process.execPath), forwards: [{ socket: question.view, port: VIEW_PORT }], limits: sandboxLimits(limits) },
    { argv, cwd, env: buildEnvironment(question.frozenAt), timeoutMs: limits.stepTimeMs },
    (chunk) => {
      tail.add(chunk)
      question.onOutput(chunk)
    },
  )
  const failed = failureOf(outcome)
  return failed === undefined ? undefined : { ok: false, step: name, code: failed.code, detail: [failed.why, tail.text()].filter((part) => part !== "").join("\n") }
}

/** The bounds of one step. */
export function sandboxLimits({ stepTimeMs, memoryBytes, processes, diskBytes, outputBytes, openFiles }: RebuildLimits): SandboxLimits {
  return { timeMs: stepTimeMs, memoryBytes, processes, diskBytes, outputBytes, openFiles }
}

function failureOf(outcome: SandboxOutcome): { code: FailureCode, why: string } | undefined {
  switch (outcome.status) {
    case "exited": return outcome.exitCode === 0 ? undefined : { code: "BUILD_FAILED", why: `it ended with status ${outcome.exitCode}` }
    case "timeout": return { code: "BUILD_TIMEOUT", why: outcome.detail }
    case "unavailable": return { code: "SANDBOX_UNAVAILABLE", why: outcome.detail }
    default: return { code: "BUILD_LIMIT", why: `limit on ${outcome.status}: ${outcome.detail}` }
  }
}

/** Copies what was packed to where no build can change it any more. The folder was the build's: it may hold anything. */
async function takeTarball(packed: string, to: string): Promise<BuildOutcome> {
  const step = "take the tarball"
  const names = (await readdir(packed)).filter((name) => name.endsWith(".tgz"))
  const [name] = names
  if (name === undefined || names.length > 1) return { ok: false, step, code: "BUILD_FAILED", detail: `${names.length} tarballs were packed, expected one` }
  const path = join(packed, name)
  const stats = await lstat(path)
  if (!stats.isFile() || stats.nlink !== 1) return { ok: false, step, code: "BUILD_FAILED", detail: "what was packed is no plain file" }
  if (stats.size > TARBALL_LIMITS.tgzBytesMax) return { ok: false, step, code: "BUILD_LIMIT", detail: `what was packed has ${stats.size} bytes, expected at most ${TARBALL_LIMITS.tgzBytesMax}` }
  // No process of the build is left, so what was looked at is what is copied.
  await copyFile(path, to, constants.COPYFILE_EXCL)
  return { ok: true, tarball: to }
}
