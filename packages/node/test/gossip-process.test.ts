import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { formatRoster, parseMisbehavior, type RosterNode, verifyMisbehavior } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { expect, test } from "vitest"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { historyOf, startHostile } from "./gossip-hostile.ts"
import { type Daemon, freePorts, spawnDaemon } from "./network.ts"
import { ask, tempFolder } from "./support.ts"

const CLI = fileURLToPath(new URL("../../cli/src/bin.ts", import.meta.url))
const REGISTRY = "https://registry.example/"

function vouchsafe(cwd: string, args: readonly string[]): Promise<{ readonly status: number; readonly out: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "", HOME: cwd, VOUCHSAFE_HOME: join(cwd, "home") }
    execFile(process.execPath, ["--conditions=source", CLI, ...args], { cwd, env }, (error, stdout, stderr) => (
      resolve({ status: error === null ? 0 : Number(error.code), out: stdout + stderr })
    ))
  })
}

/** Resolves when the daemon has written this to its log `count` times. */
function logged(daemon: Daemon, text: string, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (daemon.stderr().split(text).length > count) resolve()
    }
    daemon.child.stderr?.on("data", look)
    void daemon.ended.then((how) => reject(new Error(`the daemon ended (${how}): ${daemon.stderr()}`)))
    look()
  })
}

interface Listed {
  readonly proofs: readonly { readonly key: string; readonly proof: string }[]
}

test("a log that shows two histories to two nodes, and a witness that vouched for both: found without peers, proven, kept over a restart, and checked by anybody", async () => {
  const data = tempFolder()
  const project = tempFolder()
  const [port = 0] = await freePorts(1)
  const keys = loadOrCreateKeys(join(data, "honest"), "honest")
  const mallory = await startHostile("mallory", 10)
  const carol = await startHostile("carol", 20)
  const self: RosterNode = { operator: "honest", url: `http://127.0.0.1:${port}/`, log: keys.log.verifier, notices: keys.notices.verifier, witness: keys.witness.verifier }
  const rosterPath = join(project, "vouchsafe.roster.json")
  writeFileSync(rosterPath, formatRoster([self, mallory.place, carol.place], [REGISTRY]))
  writeFileSync(join(project, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }))
  // What this node is shown, and what carol was shown: further on, and another history from the third entry on.
  const now = Math.floor(Date.now() / 1_000)
  mallory.answers.set("/log/checkpoint", historyOf(mallory.log, "trunk", 0).head(5, [keys.witness, carol.witness], now))
  const other = historyOf(mallory.log, "other", 2)
  carol.answers.set("/v1/heads", JSON.stringify({ format: "vouchsafe-heads/v1", heads: [{ origin: mallory.log.verifier.name, checkpoint: other.head(9, [carol.witness], now) }] }))
  // Carol holds a copy of what she was shown.
  const copy = `/mirror/${Buffer.from(nodeCrypto.sha256(Buffer.from(mallory.log.verifier.name))).toString("hex")}`
  for (const [path, tile] of other.tiles(9, ["tile/0/000.p/9"])) carol.answers.set(`${copy}/${path}`, tile)

  const args = ["--data", join(data, "honest"), "--roster", rosterPath, "--listen", `127.0.0.1:${port}`, "--allow-private-addresses"]
  const daemon = await spawnDaemon(args, { HOME: data })
  await logged(daemon, "proven to have lied", 2)

  const list = JSON.parse((await ask(self.url, { path: "/v1/misbehavior" })).body) as Listed
  expect(list.proofs.map(({ key }) => key).sort()).toEqual([mallory.place.log.vkey, carol.place.witness.vkey].sort())
  for (const { key, proof } of list.proofs) {
    const guilty = [self, mallory.place, carol.place].flatMap((node) => [node.log, node.notices, node.witness]).filter((one) => verifyMisbehavior(nodeCrypto, parseMisbehavior(proof), one))
    expect(guilty.map(({ vkey }) => vkey)).toEqual([key])
  }
  const heads = JSON.parse((await ask(self.url, { path: "/v1/heads" })).body) as { heads: { origin: string }[] }
  expect(heads.heads.map(({ origin }) => origin)).toContain("mallory.example/log")
  // Its witness vouches no more for the log.
  const body = `old 5\n\n${mallory.answers.get("/log/checkpoint") as string}`
  expect((await ask(self.url, { method: "POST", path: "/witness/add-checkpoint", body })).status).toBe(404)
  expect((await ask(self.url, { path: "/metrics" })).body).toContain("vouchsafe_gossip_convicted 2")

  daemon.child.kill("SIGKILL")
  await daemon.ended
  const again = await spawnDaemon(args, { HOME: data })
  expect((JSON.parse((await ask(self.url, { path: "/v1/misbehavior" })).body) as Listed).proofs).toEqual(expect.arrayContaining([...list.proofs]))
  expect(again.stderr()).toContain("convicted before")

  // Anybody who has the roster, with nothing but the file; then from the node.
  for (const [i, says] of [
    "proven: the log mallory.example/log of mallory showed two histories (fork)", "proven: the witness carol.example/witness of carol vouched for two histories of mallory.example/log (witness-fork)",
  ].entries()) {
    const path = join(project, `proof-${i}.json`)
    writeFileSync(path, list.proofs.find(({ key }) => key === (i === 0 ? mallory.place.log.vkey : carol.place.witness.vkey))?.proof ?? "")
    const checked = await vouchsafe(project, ["log", "verify", path])
    expect(checked.out).toContain(says)
    expect(checked.status).toBe(4)
  }
  const fetched = await vouchsafe(tempProject(project), ["log", "verify"])
  expect(fetched.status).toBe(4)
  expect(fetched.out).toMatch(/misbehaved +mallory\.example\/log/)
  expect(fetched.out).toMatch(/misbehaved +carol\.example\/witness/)
}, 60_000)

/** The same project with an empty memory. */
function tempProject(from: string): string {
  const folder = tempFolder()
  writeFileSync(join(folder, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: join(from, "vouchsafe.roster.json") }))
  return folder
}
