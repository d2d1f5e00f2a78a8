import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { PeersStatus } from "../../src/index.ts"
import type { PeerCommand, PeerSetup } from "./peer.ts"

/** What a peer said: an event of the package, or one of its own. */
export interface Said {
  readonly kind: string
  readonly peer?: string
  readonly operator?: string
  readonly text?: string
  readonly from?: string
}

/** What came of a command. */
interface Answer {
  readonly id: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: string; readonly message: string }
}

/** A peer in a process of its own. */
export interface PeerProcess {
  readonly name: string
  readonly id: string
  readonly addresses: readonly string[]
  readonly said: readonly Said[]
  run(command: PeerCommand): Promise<Record<string, unknown>>
  status(): Promise<PeersStatus>
  /** Waits until something was said, from the beginning or from the `from`th thing on. */
  until(what: string, isIt: (said: Said) => boolean, from?: number): Promise<Said>
  /** Ends it without a word, as a machine that loses its power. */
  kill(): Promise<void>
  /** Ends it as a node that stops. */
  close(): Promise<void>
}

/** A thing that never comes must not hold up the run; a busy machine may take its time. */
const PATIENCE_MS = 60_000
const started = new Set<ChildProcess>()
const PROGRAM = fileURLToPath(new URL("peer.ts", import.meta.url))
/** What a test can wait for. */
const QUICK = { redialEveryMs: 200, backoffMs: 200, backoffMsMax: 1_000, searchFirstMs: 200, searchSoonMs: 400, searchEveryMs: 2_000 }

/** Starts a peer and waits until it listens. */
export async function startPeer(setup: PeerSetup): Promise<PeerProcess> {
  const child = spawn(process.execPath, ["--conditions=source", "--disable-warning=ExperimentalWarning", PROGRAM, JSON.stringify({ ...setup, limits: { ...QUICK, ...setup.limits } })], { stdio: ["pipe", "pipe", "inherit"] })
  started.add(child)
  const said: Said[] = []
  const waiting = new Set<() => void>()
  const answers = new Map<number, (answer: Answer) => void>()
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as Said | Answer
    if ("kind" in event) said.push(event)
    else answers.get(event.id)?.(event)
    for (const look of waiting) look()
  })
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const until = (what: string, isIt: (said: Said) => boolean, from = 0): Promise<Said> => new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(look)
      reject(new Error(`${setup.name} waited for: ${what}; it said ${JSON.stringify(said.slice(-10))}`))
    }, PATIENCE_MS)
    const look = (): void => {
      const found = said.slice(from).find(isIt)
      if (found === undefined) return
      clearTimeout(timer)
      waiting.delete(look)
      resolve(found)
    }
    waiting.add(look)
    look()
  })
  const ready = await until("ready", ({ kind }) => kind === "ready") as Said & { id: string; addresses: readonly string[] }
  let calls = 0
  const run: PeerProcess["run"] = (command) => new Promise((resolve, reject) => {
    const id = calls++
    answers.set(id, ({ result, error }) => {
      answers.delete(id)
      if (error === undefined) resolve(result ?? {})
      else reject(Object.assign(new Error(error.message), { code: error.code }))
    })
    child.stdin.write(`${JSON.stringify({ ...command, id })}\n`)
  })
  return {
    name: setup.name, id: ready.id, addresses: ready.addresses, said, run, until,
    status: async () => await run({ do: "status" }) as unknown as PeersStatus,
    async kill() {
      child.kill("SIGKILL")
      await gone
      started.delete(child)
    },
    async close() {
      await run({ do: "close" })
      child.stdin.end()
      await gone
      started.delete(child)
    },
  }
}

/** Ends whatever a test left running. */
export function endAll(): void {
  for (const child of started) child.kill("SIGKILL")
  started.clear()
}

/** Waits until a peer is connected to a node of this operator. */
export async function untilBound(peer: PeerProcess, ...operators: readonly string[]): Promise<void> {
  for (const operator of operators) await peer.until(`bound to ${operator}`, (said) => said.kind === "bound" && said.operator === operator)
}

/** Publishes until somebody hears: a subscription takes a moment to become known, and what was said before is lost. */
export async function untilHeard(from: PeerProcess, by: readonly PeerProcess[], text: string): Promise<void> {
  let round = 0
  const heard = Promise.all(by.map((peer) => peer.until(`hear ${text}`, (said) => said.kind === "heard" && said.text?.startsWith(`${text}#`) === true)))
  let isHeard = false
  void heard.then(() => { isHeard = true }, () => { isHeard = true })
  while (!isHeard) {
    await from.run({ do: "publish", texts: [`${text}#${round++}`] })
    await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 100))])
  }
  await heard
}
