/**
 * The binary `vouchsafe-rebuilder`: a request on standard input, events and the result as JSON lines on standard output
 * (packages/spec/rebuilding.md, "Process"). `compare A B ANSWER` is what it starts of itself inside a sandbox.
 *
 * @packageDocumentation
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { isVouchsafeError } from "@vouchsafe/core"
import { printable } from "./compare/diff.ts"
import { compareTarballs, tarballFile, TarballSideError } from "./compare/compare.ts"
import { type CompareAnswer, programOf } from "./compare/program.ts"
import { REQUEST_BYTES_MAX } from "./limits.ts"
import { rebuild } from "./pipeline.ts"
import { parseRequest } from "./request.ts"
import { createBubblewrap } from "./sandbox/bubblewrap.ts"
import type { RebuildEvent } from "./types.ts"

const EXIT_DONE = 0
const EXIT_FAILED = 1
const EXIT_USAGE = 2

async function readStandardInput(): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of process.stdin) {
    length += (part as Buffer).length
    if (length > REQUEST_BYTES_MAX) throw new RangeError(`the request has more than ${REQUEST_BYTES_MAX} bytes`)
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts).toString("utf8")
}

function print(event: RebuildEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

async function serve(): Promise<number> {
  const request = parseRequest(await readStandardInput())
  const result = await rebuild(request, {
    executor: createBubblewrap(), program: programOf(import.meta.url), recipes: fileURLToPath(new URL("../recipes/", import.meta.url)), nowMs: () => Date.now(), onEvent: print,
  })
  print({ type: "result", result })
  return EXIT_DONE
}

async function compare(published: string, rebuilt: string, answerPath: string): Promise<number> {
  let answer: CompareAnswer
  try {
    answer = { ok: true, comparison: await compareTarballs(tarballFile(published), tarballFile(rebuilt)) }
  } catch (error) {
    if (!(error instanceof TarballSideError) || !isVouchsafeError(error.cause)) throw error
    answer = { ok: false, side: error.side, detail: error.message }
  }
  writeFileSync(answerPath, JSON.stringify(answer), { flag: "wx" })
  return EXIT_DONE
}

async function main(args: readonly string[]): Promise<number> {
  const [command, published, rebuilt, answer, ...others] = args
  if (command === undefined) return serve()
  if (command === "compare" && published !== undefined && rebuilt !== undefined && answer !== undefined && others.length === 0) return compare(published, rebuilt, answer)
  process.stderr.write("usage: vouchsafe-rebuilder < request.json\n")
  return EXIT_USAGE
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${printable(error instanceof Error ? error.message : String(error))}\n`)
  process.exitCode = isVouchsafeError(error) && error.kind === "input" ? EXIT_USAGE : EXIT_FAILED
}
