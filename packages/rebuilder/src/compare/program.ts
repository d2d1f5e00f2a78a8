/**
 * Runs the comparison in a sandbox without any network (THREATS A10): two hostile tarballs are read there, and what comes back is
 * a document whose digests are checked against the files.
 *
 * @packageDocumentation
 */
import { constants } from "node:fs"
import { mkdir, open } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { asObject, member } from "@vouchsafe/tarball"
import { COMPARE_LIMITS } from "../limits.ts"
import type { Executor, SandboxMount } from "../sandbox/executor.ts"
import { createTail } from "../build/tail.ts"
import type { Comparison } from "./document.ts"

/** How this very program is started inside. */
export interface Program {
  readonly argv: readonly string[]
  readonly mounts: readonly SandboxMount[]
}

const NODE_INSIDE = "/program/node"
const INSIDE = { published: "/compare/published.tgz", rebuilt: "/compare/rebuilt.tgz", answer: "/compare/answer" } as const
const ANSWER_FILE = "comparison.json"
const ANSWER_BYTES_MAX = 8 * 1024 * 1024
/** Folders from a source file to the root of the work tree: packages/rebuilder/src/bin.ts. */
const WORK_TREE_UP = "../../.."
/** V8's heap: below the sandbox's memory, so that too large a tarball ends with a message. */
const HEAP_MEBIBYTES = 1024

/** @param entry - URL of the entry file: bundled, or in a work tree */
export function programOf(entry: string): Program {
  const path = fileURLToPath(entry)
  const folder = dirname(path)
  const isSource = path.endsWith(".ts")
  const root = isSource ? join(folder, WORK_TREE_UP) : folder
  // A work tree keeps its place, for its links between packages; a bundle needs nothing but its folder.
  const inside = isSource ? root : "/program/dist"
  return {
    argv: [NODE_INSIDE, `--max-old-space-size=${HEAP_MEBIBYTES}`, ...(isSource ? ["--conditions=source"] : []), isSource ? path : `${inside}/${basename(path)}`, "compare", INSIDE.published, INSIDE.rebuilt, `${INSIDE.answer}/${ANSWER_FILE}`],
    mounts: [{ host: root, inside, writable: false }, { host: process.execPath, inside: NODE_INSIDE, writable: false }],
  }
}

/** What the process inside answers: a comparison, or which side could not be read. */
export type CompareAnswer =
  | { readonly ok: true, readonly comparison: Comparison }
  | { readonly ok: false, readonly side: "published" | "rebuilt", readonly detail: string }

export type CompareOutcome = CompareAnswer | { readonly ok: false, readonly side: "sandbox", readonly detail: string } | { readonly ok: false, readonly side: "unavailable", readonly detail: string }

/** Compares two files of the host in a sandbox. */
export async function compareInSandbox(executor: Executor, program: Program, given: { readonly published: string, readonly rebuilt: string, readonly workspace: string }): Promise<CompareOutcome> {
  const answer = join(given.workspace, "comparison")
  await mkdir(answer)
  const tail = createTail()
  const outcome = await executor.run({
    mounts: [
      ...program.mounts, { host: given.published, inside: INSIDE.published, writable: false }, { host: given.rebuilt, inside: INSIDE.rebuilt, writable: false },
      { host: answer, inside: INSIDE.answer, writable: true },
    ],
    forwards: [], limits: COMPARE_LIMITS,
  }, { argv: program.argv, cwd: "/tmp", env: { LANG: "C.UTF-8", TZ: "UTC" }, timeoutMs: COMPARE_LIMITS.timeMs }, tail.add)
  if (outcome.status === "unavailable") return { ok: false, side: "unavailable", detail: outcome.detail }
  if (outcome.status !== "exited" || outcome.exitCode !== 0) {
    return { ok: false, side: "sandbox", detail: `the comparison ended with ${outcome.status === "exited" ? `status ${outcome.exitCode}` : outcome.detail}\n${tail.text()}`.trim() }
  }
  const found = parseAnswer(await readAnswer(join(answer, ANSWER_FILE)))
  return found ?? { ok: false, side: "sandbox", detail: "the comparison left no answer that can be read" }
}

async function readAnswer(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = await file.stat()
    return stats.isFile() && stats.size <= ANSWER_BYTES_MAX ? await file.readFile("utf8") : ""
  } finally {
    await file.close()
  }
}

const HEX_SHA512 = /^[0-9a-f]{128}$/
const MATCHES: readonly unknown[] = ["tgz", "tar", "contents", "none"]

/** Reads an answer by its shape; whoever took the process over can still only say something of this form. */
function parseAnswer(text: string): CompareAnswer | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  const answer = asObject(value) ?? {}
  const side = member(answer, "side")
  if (member(answer, "ok") === false && (side === "published" || side === "rebuilt")) return { ok: false, side, detail: String(member(answer, "detail")) }
  const comparison = asObject(member(answer, "comparison"))
  if (comparison === undefined || !MATCHES.includes(member(comparison, "match")) || typeof member(comparison, "document") !== "string" || typeof member(comparison, "diff") !== "string") return undefined
  const isFact = (name: string): boolean => {
    const fact = asObject(member(comparison, name)) ?? {}
    return HEX_SHA512.test(String(member(fact, "sha512"))) && /^[0-9a-f]{64}$/.test(String(member(fact, "tarSha256"))) && String(member(fact, "h1")).startsWith("h1:") && Number.isSafeInteger(member(fact, "size")) && Number.isSafeInteger(member(fact, "files"))
  }
  const [count, classes] = [member(comparison, "count"), asObject(member(comparison, "classes"))]
  if (!isFact("published") || !isFact("rebuilt") || !Number.isSafeInteger(count) || classes === undefined || !Object.values(classes).every((number) => Number.isSafeInteger(number))) return undefined
  if ((member(comparison, "match") === "none") !== ((count as number) > 0)) return undefined
  return { ok: true, comparison: comparison as unknown as Comparison }
}
