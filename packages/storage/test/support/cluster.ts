import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { emptyRoot, equalBytes, leafHash, nodeHash, openCheckpoint, parseCheckpoint, utf8Decode } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { expect } from "vitest"
import { expectClean, openOn, openSoon, signer } from "./history.ts"
import { ORIGIN, type Place, placeOf } from "./places.ts"
import { CREDENTIALS, newName, objectsAt, objectsText, type ObjectStore } from "./servers.ts"
import { parsePostgresAddress } from "../../src/index.ts"
import type { PostgresServer } from "@vouchsafe/testkit"

/** Longest wait for one of them to say something; then the test says what all did. */
const HANGING_MS = 60_000

/** What all sequencers of one log said. */
export interface Heard {
  readonly acknowledged: Map<number, string>
  /** Every checkpoint text that was handed to the signer. */
  readonly signed: Set<string>
  readonly published: Set<string>
  takeOvers: number
}

/** A sequencer in a process of its own. */
export interface Sequencer {
  readonly name: string
  readonly child: ChildProcess
  /** How often it said a kind of line: `W` started, `H` holds the log, `A` acknowledged, `F` failed. */
  readonly counts: Record<string, number>
  readonly failures: string[]
  /** Whether the last it said of it is that it holds the log. */
  holds: boolean
  /** Rank of its last taking over among all of the cluster; 0: never. */
  heldSince: number
  kill(): Promise<void>
}

/** A log and those who may sequence it. */
export interface Cluster {
  readonly heard: Heard
  readonly place: Place
  start(): Sequencer
  /** Resolves with the one of these that holds the log, when it said so and has acknowledged `count` entries since: who loses it meanwhile is not waited for. */
  holder(among: readonly Sequencer[], count?: number): Promise<Sequencer>
  /** Resolves when `one` says that it holds the log no more. */
  lost(one: Sequencer): Promise<void>
  /** Ends all that were started, whatever became of the test. */
  end(): Promise<void>
}

function listen(heard: Heard, sequencer: Sequencer, line: string): void {
  const [kind = "", ...rest] = line.split(" ")
  if (kind === "H" || kind === "F") sequencer.holds = kind === "H"
  if (kind === "H") sequencer.heldSince = ++heard.takeOvers
  sequencer.counts[kind] = (sequencer.counts[kind] ?? 0) + 1
  if (kind === "A") {
    const [index, text = ""] = rest
    const known = heard.acknowledged.get(Number(index))
    if (known !== undefined && known !== text) throw new Error(`entry ${index} was acknowledged as ${known} and as ${text}`)
    heard.acknowledged.set(Number(index), text)
  } else if (kind === "S" || kind === "P") {
    (kind === "S" ? heard.signed : heard.published).add(Buffer.from(rest[0] ?? "", "base64").toString("utf8"))
  } else if (kind === "F") sequencer.failures.push(rest[0] ?? "")
  else if (kind !== "H" && kind !== "W") throw new Error(`a sequencer said ${line}`)
}

export function createCluster(postgres: PostgresServer, objects: ObjectStore, leaseMs: number): Cluster {
  const schema = newName()
  const prefix = newName()
  const heard: Heard = { acknowledged: new Map(), signed: new Set(), published: new Set(), takeOvers: 0 }
  const waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = []
  const until = (isTrue: () => boolean): Promise<void> => new Promise((resolve, reject) => {
    if (isTrue()) return resolve()
    const hangs = setTimeout(() => {
      reject(new Error(`nothing for ${HANGING_MS} ms: ${JSON.stringify(started.map(({ name, counts, failures, holds, child }) => ({
        name, counts, failures: failures.slice(-3), holds, exit: child.exitCode, signal: child.signalCode,
      })))}`))
    }, HANGING_MS)
    waiting.push({
      isTrue,
      resolve() {
        clearTimeout(hangs)
        resolve()
      },
    })
  })
  const started: Sequencer[] = []

  const start = (): Sequencer => {
    const name = `s${started.length + 1}`
    const child = spawn(process.execPath, [
      "--conditions=source", "--disable-warning=ExperimentalWarning", fileURLToPath(new URL("cluster-child.ts", import.meta.url)),
      name, objectsText(objects.proxy.port, prefix), String(leaseMs),
    ], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, TEST_POSTGRES: postgres.address(schema), AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey },
    })
    const sequencer: Sequencer = {
      name, child, counts: {}, failures: [], holds: false, heldSince: 0,
      async kill() {
        child.kill("SIGKILL")
        await ended
      },
    }
    // A line that the kill cut off has no newline; its text is incomplete and must not count.
    let rest = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString("latin1")}`.split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) listen(heard, sequencer, line)
      for (const one of waiting.filter(({ isTrue }) => isTrue())) {
        waiting.splice(waiting.indexOf(one), 1)
        one.resolve()
      }
    })
    const ended = new Promise((resolve) => {
      child.stdout?.on("close", resolve)
    })
    started.push(sequencer)
    return sequencer
  }

  return {
    heard,
    start,
    place: placeOf({
      postgres: parsePostgresAddress(postgres.address(schema), {}), log: ORIGIN,
      files: { objects: objectsAt(objects.proxy.port, prefix), folder: "log" },
    }),
    async holder(among, count = 0) {
      const before = new Map(among.map((one) => [one, one.counts["A"] ?? 0]))
      // The one that took it last: the one before may not have noticed yet.
      const found = (): Sequencer | undefined => [...among].sort((a, b) => b.heldSince - a.heldSince)
        .find((one) => one.holds && (one.counts["A"] ?? 0) - (before.get(one) ?? 0) >= count)
      await until(() => found() !== undefined)
      return found() as Sequencer
    },
    lost: (one) => until(() => !one.holds),
    async end() {
      await Promise.all(started.map((one) => one.kill()))
    },
  }
}

/** The root of every size, by the roots of the perfect trees that each consists of. */
function rootsOf(entries: readonly Uint8Array[]): Uint8Array[] {
  const perfect: { readonly leaves: number; readonly root: Uint8Array }[] = []
  const roots = [emptyRoot(fastCrypto)]
  for (const entry of entries) {
    perfect.push({ leaves: 1, root: leafHash(fastCrypto, entry) })
    for (let [left, right] = perfect.slice(-2); left !== undefined && left.leaves === right?.leaves; [left, right] = perfect.slice(-2)) {
      perfect.splice(-2, 2, { leaves: 2 * left.leaves, root: nodeHash(fastCrypto, left.root, right.root) })
    }
    roots.push(perfect.map(({ root }) => root).reduceRight((right, left) => nodeHash(fastCrypto, left, right)))
  }
  return roots
}

/** All entries, read as a client would, checked against all that was heard. Nobody may hold the log. */
export async function checkHistory({ place, heard }: Cluster): Promise<number> {
  await expectClean(place)
  const log = await openOn(await openSoon(place))
  const entries = await log.entries(Array.from({ length: log.size }, (_, i) => i))
  for (const [index, text] of heard.acknowledged) expect(index < entries.length ? utf8Decode(entries[index] as Uint8Array) : "lost").toBe(text)
  const rootBySize = rootsOf(entries)
  for (const text of heard.signed) {
    const { size, root } = parseCheckpoint(text)
    expect(equalBytes(root, rootBySize[size] ?? new Uint8Array(0)), `signed size ${size} of ${log.size}`).toBe(true)
  }
  for (const text of heard.published) {
    expect(heard.signed.has(text.slice(0, text.indexOf("\n\n") + 1))).toBe(true)
    openCheckpoint(fastCrypto, text, signer.verifier)
  }
  const { size } = log
  await log.close()
  await expectClean(place)
  return size
}
