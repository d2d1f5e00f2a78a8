import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { equalBytes, leafHash, openCheckpoint, parseCheckpoint, utf8Decode } from "@vouchsafe/core"
import { fastCrypto, refuses } from "@vouchsafe/testkit"
import { expect, test } from "vitest"
import { fsck, openLog, openSqliteStorage } from "../src/index.ts"
import { createRootStack } from "../src/root-stack.ts"
import { newDirectory, ORIGIN, signer } from "./helpers.ts"
import { randomFrom } from "./random.ts"

/** Kills; the soak raises it. */
const KILLS = Number(process.env["VOUCHSAFE_SOAK_KILLS"] ?? 10)
const SEED = Number(process.env["VOUCHSAFE_SOAK_SEED"] ?? Date.now() % 1_000_000)
/** Kills that one log suffers; then another is begun, since each round reads the whole log again. */
const KILLS_PER_LOG = 10
/** Moments at which a child may end itself: from opening to the fourth batch or so. */
const MOMENTS_MAX = 150

/** Against hanging: one round takes about half a second. */
const HANGING_MS = 60_000

const FSCK = { crypto: fastCrypto, verifierKey: signer.verifier, keysOf: (entry: Uint8Array) => [utf8Decode(entry)] }

interface Heard {
  /** Text of every acknowledged entry, by index. */
  readonly acknowledged: Map<number, string>
  /** Every checkpoint text that was handed to the signer. */
  readonly signed: Set<string>
  readonly published: Set<string>
}

const newHeard = (): Heard => ({ acknowledged: new Map(), signed: new Set(), published: new Set() })

function listen(heard: Heard, line: string): void {
  const [kind, ...rest] = line.split(" ")
  if (kind === "A") heard.acknowledged.set(Number(rest[0]), rest[1] ?? "")
  else if (kind === "S" || kind === "P") (kind === "S" ? heard.signed : heard.published).add(Buffer.from(rest[0] ?? "", "base64").toString("utf8"))
  else throw new Error(`the child said ${line}`)
}

/** Runs a child until it is dead. It dies by itself at a random moment, or at a random moment after some lines were heard. */
async function runAndKill(directory: string, round: number, random: () => number, heard: Heard): Promise<void> {
  const dieAt = round % 2 === 0 ? 0 : 1 + Math.floor(random() * MOMENTS_MAX)
  const child = spawn(process.execPath, [
    "--conditions=source", "--disable-warning=ExperimentalWarning", fileURLToPath(new URL("kill-child.ts", import.meta.url)),
    directory, String(SEED * 1000 + round), String(dieAt),
  ], { stdio: ["ignore", "pipe", "pipe"] })
  let complaint = ""
  child.stderr.on("data", (text) => {
    complaint += text
  })
  let linesLeft = Math.floor(random() * 2000)
  let turnsLeft = Math.floor(random() * 200)
  const killSoon = (): void => {
    if (turnsLeft-- > 0) setImmediate(killSoon)
    else child.kill("SIGKILL")
  }
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on("close", (_code, signal) => resolve(signal))
  })
  // A line that was cut off by the kill has no newline, but readline hands it out: the last one counts only when it is whole.
  let last = ""
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => {
    text = chunk.toString("latin1")
    last = text.endsWith("\n") ? "" : text.slice(text.lastIndexOf("\n") + 1)
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (dieAt === 0 && linesLeft-- === 0) killSoon()
  }
  if (last !== "" && lines.at(-1)?.endsWith(last) === true) lines.pop()
  for (const line of lines) listen(heard, line)
  const signal = await ended
  expect({ signal, complaint }).toEqual({ signal: "SIGKILL", complaint: "" })
}

/** All entries, read from the log as a client would, and checked against what was heard. */
async function checkHistory(directory: string, heard: Heard): Promise<number> {
  const log = await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })
  const entries = await log.entries(Array.from({ length: log.size }, (_, i) => i))
  const roots = createRootStack(fastCrypto)
  const rootBySize = [roots.root()]
  for (const entry of entries) {
    roots.push(leafHash(fastCrypto, entry))
    rootBySize.push(roots.root())
  }
  for (const [index, text] of heard.acknowledged) expect(index < entries.length ? utf8Decode(entries[index] as Uint8Array) : "lost").toBe(text)
  for (const text of heard.signed) {
    const { size, root } = parseCheckpoint(text)
    expect(equalBytes(root, rootBySize[size] ?? new Uint8Array(0)), `signed size ${size} of ${log.size}`).toBe(true)
  }
  for (const text of heard.published) {
    expect(heard.signed.has(text.slice(0, text.indexOf("\n\n") + 1))).toBe(true)
    openCheckpoint(fastCrypto, text, signer.verifier)
  }
  await log.close()
  return log.size
}

test(`kill -9 at a random moment, ${KILLS} times (VOUCHSAFE_SOAK_SEED=${SEED}): fsck clean, nothing acknowledged is lost, one history is signed`, async () => {
  const random = randomFrom(SEED)
  const totals = { entries: 0, acknowledged: 0, signed: 0 }
  for (let first = 0; first < KILLS; first += KILLS_PER_LOG) {
    const directory = await newDirectory()
    const heard = newHeard()
    const end = Math.min(KILLS, first + KILLS_PER_LOG)
    for (let round = first; round < end; round++) {
      await runAndKill(directory, round, random, heard)
      // Before anything recovers: what a dead process left is whole in itself.
      expect(await fsck(directory, FSCK)).toEqual([])
      // In some rounds the next child recovers, so that recovery is killed too.
      if (random() < 0.5) await checkHistory(directory, heard)
    }
    totals.entries += await checkHistory(directory, heard)
    expect(await fsck(directory, FSCK)).toEqual([])
    totals.acknowledged += heard.acknowledged.size
    totals.signed += heard.signed.size
  }
  console.log(`log: killed ${KILLS} times, ${totals.entries} entries, ${totals.acknowledged} acknowledged, ${totals.signed} checkpoints signed`)
  expect(totals.signed).toBeGreaterThan(0)
}, KILLS * HANGING_MS)

test("a process that is killed gives the lock back, one that lives keeps it", async () => {
  const directory = await newDirectory()
  const random = randomFrom(SEED)
  const heard = newHeard()
  const storage = await openSqliteStorage({ directory })
  const child = spawn(process.execPath, [
    "--conditions=source", "--disable-warning=ExperimentalWarning", fileURLToPath(new URL("kill-child.ts", import.meta.url)), directory, "1", "0",
  ], { stdio: ["ignore", "ignore", "pipe"] })
  let complaint = ""
  child.stderr.on("data", (text) => {
    complaint += text
  })
  const status = await new Promise((resolve) => {
    child.on("close", resolve)
  })
  expect(status).toBe(1)
  expect(complaint).toContain("it is open in another process")
  await refuses(() => openSqliteStorage({ directory }), "STATE_UNSAFE")
  await storage.close()
  await runAndKill(directory, 0, random, heard)
  await (await openSqliteStorage({ directory })).close()
})
