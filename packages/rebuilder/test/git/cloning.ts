/** Clones as these tests make them: without a sandbox, in places under one folder, with every command kept to be looked at. */
import { expect } from "vitest"
import { cloneSource, type Source } from "../../src/git/clone.ts"
import type { GitPlace, GitResult } from "../../src/git/git-command.ts"
import { type FoundRef, listRefs, type RefList } from "../../src/git/refs.ts"
import { createPlainExecutor, type PlainExecutor } from "./plain-executor.ts"
import { placeIn, testUrl } from "./repositories.ts"
import { workFolder } from "./ssh-tools.ts"

export interface Cloning {
  /** Holds repositories, places and whatever else a test writes. */
  readonly folder: string
  readonly executor: PlainExecutor
  place(more?: Partial<GitPlace>): GitPlace
  refsOf(url: string): Promise<RefList>
  clone(url: string, commit: string, more?: { readonly tag?: FoundRef; readonly place?: GitPlace }): Promise<GitResult<Source>>
}

/** A folder of its own for one test file, named so, and an executor that its places share. */
export function cloningIn(name: string): Cloning {
  const folder = workFolder(name)
  const executor = createPlainExecutor()
  const place = (more: Partial<GitPlace> = {}): GitPlace => placeIn(folder, executor, more)
  const refsOf = async (url: string): Promise<RefList> => valueOf(await listRefs(place(), testUrl(url)))
  return {
    folder, executor, place, refsOf,
    clone: async (url, commit, more = {}) => cloneSource(more.place ?? place(), { remote: testUrl(url), refs: await refsOf(url), commit, tag: more.tag }),
  }
}

/** Throws the failure where there is one. */
export function valueOf<T>(result: GitResult<T>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.detail}`)
  return result.value
}

/** Those of the commands run that are git's. */
export function commandsOfGit({ ran }: PlainExecutor): PlainExecutor["ran"] {
  return ran.filter(({ command }) => command.argv.includes("core.hooksPath=/dev/null"))
}

/** No prompt, no hooks, no configuration, only the protocol that was asked for, URLs behind `--`. */
export function expectHardened(commands: PlainExecutor["ran"]): void {
  for (const { command, spec } of commands) {
    expect(command.env).toMatchObject({ GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "/bin/false", SSH_ASKPASS: "/bin/false", GIT_LFS_SKIP_SMUDGE: "1", GIT_NO_REPLACE_OBJECTS: "1" })
    const remote = command.argv.find((argument) => /^(?:file|http):\/\/(?!127\.0\.0\.1:\d+$)/.test(argument))
    expect(["file", "http", "none"]).toContain(command.env["GIT_ALLOW_PROTOCOL"])
    if (remote !== undefined && command.argv.includes("ls-remote")) expect(command.argv.indexOf(remote)).toBe(command.argv.indexOf("--") + 1)
    expect(spec.mounts.filter(({ writable }) => writable)).toHaveLength(1)
    expect(command.argv.join(" ")).toContain("-c transfer.fsckObjects=true")
  }
}
