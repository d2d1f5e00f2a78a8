/** One peer as a process of its own: told what to be in its first argument, told what to do on stdin, says what happens on stdout. */
import { KEY_TYPE, nobleCrypto, signerFromSeed, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { PeerFault } from "@vouchsafe/ports"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { formatKnownPeers, parseKnownPeers, type PeerLimits, startPeers } from "../../src/index.ts"

export interface PeerSetup {
  /** Key, operator and log are derived from it. */
  readonly name: string
  readonly members: readonly string[]
  readonly listen: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly relay?: boolean
  readonly stranger?: boolean
  /** File of known peers. */
  readonly known?: string
  readonly limits?: Partial<PeerLimits>
}

export type PeerCommand =
  | { readonly do: "publish"; readonly texts: readonly string[] }
  | { readonly do: "request"; readonly peer: string; readonly protocol: string; readonly size: number; readonly bytesMax: number; readonly timeoutMs: number }
  | { readonly do: "report"; readonly peer: string; readonly fault: PeerFault }
  | { readonly do: "status" | "close" }

const setup = JSON.parse(process.argv[2] ?? "{}") as PeerSetup
const digest = (text: string | Uint8Array) => createHash("sha256").update(text).digest()
const signerOf = (name: string) => signerFromSeed(`${name}.vouchsafe.local/log`, KEY_TYPE.ed25519, digest(`log of ${name}`))
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)

const { known } = setup
const peers = await startPeers({
  seed: digest(`peer of ${setup.name}`), listen: setup.listen, bootstrap: setup.bootstrap, relay: setup.relay, isPrivateAllowed: true,
  members: () => setup.members.map((operator) => ({ operator, key: signerOf(operator).verifier })),
  signer: setup.stranger === true ? undefined : signerOf(setup.name),
  known: known === undefined ? undefined : {
    load: () => Promise.resolve(existsSync(known) ? parseKnownPeers(readFileSync(known, "utf8")) : []),
    save: (list) => Promise.resolve(writeFileSync(known, formatKnownPeers(list))),
  },
  crypto: nobleCrypto, clock: { nowMs: () => Date.now() },
  timers: {
    after(ms, run) {
      const timer = setTimeout(run, ms)
      timer.unref()
      return () => clearTimeout(timer)
    },
  },
  limits: setup.limits, onEvent: say,
})
peers.subscribe("news", ({ from, bytes }) => {
  const text = utf8Decode(bytes)
  if (text.startsWith("boom")) throw new Error("a handler that throws")
  say({ kind: "heard", from, text })
  return Promise.resolve(text.startsWith("bad") ? "reject" : text.startsWith("old") ? "ignore" : "accept")
})
peers.serve("/test/echo/1", { bytesMax: 2_000_000 }, (_, body) => Promise.resolve(body))
peers.serve("/test/never/1", { bytesMax: 100 }, () => new Promise(() => undefined))
peers.serve("/test/throws/1", { bytesMax: 100 }, () => Promise.reject(new Error("a handler that throws")))

const RUN: { readonly [D in PeerCommand["do"]]: (command: Extract<PeerCommand, { do: D }>) => Promise<object> } = {
  async publish({ texts }) {
    for (const text of texts) await peers.publish("news", utf8Encode(text))
    return {}
  },
  async request({ peer, protocol, size, bytesMax, timeoutMs }) {
    const body = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >>> 8)) % 256)
    const answer = await peers.request(peer, protocol, body, { bytesMax, timeoutMs })
    return { size: answer.length, isSame: digest(answer).equals(digest(body)) }
  },
  report({ peer, fault }) {
    peers.report(peer, fault)
    return Promise.resolve({})
  },
  status: () => Promise.resolve(peers.status()),
  async close() {
    await peers.close()
    return {}
  },
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, ...command } = JSON.parse(line) as PeerCommand & { id: number }
  const run = RUN[command.do] as (command: PeerCommand) => Promise<object>
  void run(command as PeerCommand).then((result) => say({ id, result }), (error: { code?: string; message?: string }) => say({ id, error: { code: error.code, message: error.message } }))
  if (command.do === "close") process.stdin.destroy()
}).on("close", () => process.exit(0))
say({ kind: "ready", id: peers.id, addresses: peers.addresses() })
