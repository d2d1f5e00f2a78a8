import { mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { cosign, KEY_TYPE, parseNote, signerFromSeed } from "@vouchsafe/core"
import { fastCrypto, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { fsck, openLog } from "../src/index.ts"
import { entriesOf, FSCK, newDirectory, ORIGIN, signer } from "./helpers.ts"

const SIZE = 600

/** A closed log of 600 entries: two full bundles and tiles, and 88 staged entries. */
async function newLog(): Promise<string> {
  const directory = await newDirectory()
  const log = await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })
  await log.append(entriesOf(0, SIZE))
  const witness = signerFromSeed("witness.example/w1", KEY_TYPE.cosignatureEd25519, new Uint8Array(32).fill(2))
  await log.publishCosigned(log.checkpoint() + cosign(witness, parseNote(log.checkpoint()).text, 1_700_000_000))
  await log.close()
  return directory
}

function sql(directory: string, text: string): void {
  const database = new DatabaseSync(join(directory, "log.sqlite"))
  database.exec(text)
  database.close()
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] as number) ^ 1
  await writeFile(path, bytes)
}

interface Damage {
  readonly name: string
  damage(directory: string): Promise<void> | void
  /** `where` of a finding that must be there. */
  readonly where: string
}

const DAMAGES: readonly Damage[] = [
  { name: "a flipped byte in a tile", damage: (at) => flip(join(at, "tile/0/001"), 4321), where: "tile/0/001" },
  { name: "a flipped byte in an entry", damage: (at) => flip(join(at, "tile/entries/000"), 2), where: "tile/0/000" },
  { name: "a flipped length in a bundle", damage: (at) => flip(join(at, "tile/entries/001"), 1), where: "tile/entries/001" },
  { name: "a truncated tile", damage: (at) => truncate(join(at, "tile/0/000"), 8191), where: "tile/0/000" },
  { name: "an empty bundle", damage: (at) => truncate(join(at, "tile/entries/001"), 0), where: "tile/entries/001" },
  { name: "a missing tile", damage: (at) => rm(join(at, "tile/0/000")), where: "tile/0/000" },
  { name: "a missing bundle", damage: (at) => rm(join(at, "tile/entries/001")), where: "tile/entries/001" },
  {
    name: "two bundles in each other's place",
    async damage(at) {
      await rename(join(at, "tile/entries/000"), join(at, "x"))
      await rename(join(at, "tile/entries/001"), join(at, "tile/entries/000"))
      await rename(join(at, "x"), join(at, "tile/entries/001"))
    },
    where: "tile/0/000",
  },
  { name: "a tile beyond the tree", damage: (at) => writeFile(join(at, "tile/0/002"), "x"), where: "tile/0/002" },
  {
    name: "a partial tile as a file",
    async damage(at) {
      await mkdir(join(at, "tile/0/002.p"))
      await writeFile(join(at, "tile/0/002.p/88"), "x")
    },
    where: "tile/0/002.p/88",
  },
  { name: "a stray file", damage: (at) => writeFile(join(at, "tile/readme"), "x"), where: "tile/readme" },
  { name: "a staged entry changed", damage: (at) => sql(at, "UPDATE entries SET bytes = x'00' WHERE idx = 599"), where: "checkpoint" },
  { name: "a staged entry lost", damage: (at) => sql(at, "DELETE FROM entries WHERE idx = 555"), where: "staged entries" },
  { name: "the last staged entry lost", damage: (at) => sql(at, "DELETE FROM entries WHERE idx = 599"), where: "staged entries" },
  { name: "a hash changed", damage: (at) => sql(at, "UPDATE hashes SET hash = zeroblob(32) WHERE idx = 1"), where: "hashes of level 1" },
  { name: "a hash lost", damage: (at) => sql(at, "DELETE FROM hashes WHERE idx = 1"), where: "hashes of level 1" },
  { name: "the signed root changed", damage: (at) => sql(at, "UPDATE heads SET root = zeroblob(32) WHERE kind = 'signed'"), where: "checkpoint" },
  { name: "the signed text changed", damage: (at) => sql(at, "UPDATE heads SET text = replace(text, '600', '601') WHERE kind = 'signed'"), where: "checkpoint" },
  { name: "the checkpoint lost", damage: (at) => sql(at, "DELETE FROM heads WHERE kind = 'signed'"), where: "checkpoint" },
  {
    name: "a cosigned checkpoint of another tree",
    damage: (at) => sql(at, "UPDATE heads SET size = 599 WHERE kind = 'cosigned'"),
    where: "cosigned checkpoint",
  },
  { name: "the staged size moved back", damage: (at) => sql(at, "UPDATE heads SET size = 599 WHERE kind = 'staged'"), where: "checkpoint" },
  { name: "an index row lost", damage: (at) => sql(at, "DELETE FROM keys WHERE key = 'entry 17'"), where: "entry 17" },
  { name: "an index row moved", damage: (at) => sql(at, "UPDATE keys SET idx = 18 WHERE key = 'entry 17'"), where: "entry 17" },
  { name: "an index row added", damage: (at) => sql(at, "INSERT INTO keys VALUES ('entry 17', 18)"), where: "index" },
  { name: "an index row beyond the log", damage: (at) => sql(at, "UPDATE keys SET idx = 600 WHERE key = 'entry 599'"), where: "index" },
  { name: "another schema of the index", damage: (at) => sql(at, "DROP TABLE keys; CREATE TABLE keys (key TEXT, idx INTEGER)"), where: "index" },
  { name: "a database that is none", damage: (at) => truncate(join(at, "log.sqlite"), 5000), where: "storage" },
]

describe("fsck", () => {
  test("finds nothing in a log that is whole, also with entries of its own kind only", async () => {
    const directory = await newLog()
    expect(await fsck(directory, FSCK)).toEqual([])
    const { keysOf: _, ...withoutKeys } = FSCK
    expect(await fsck(directory, withoutKeys)).toEqual([])
  })

  test.each(DAMAGES)("finds $name", async ({ damage, where }) => {
    const directory = await newLog()
    await damage(directory)
    const findings = await fsck(directory, FSCK)
    expect(findings).toContainEqual(expect.objectContaining({ where }))
    for (const { message } of findings) expect(message).toMatch(/^[^A-Z]|^[A-Z_]+/)
  })

  test("without a way to compute keys, it still counts the index", async () => {
    const directory = await newLog()
    sql(directory, "DELETE FROM keys WHERE key = 'entry 17'")
    const { keysOf: _, ...withoutKeys } = FSCK
    expect(await fsck(directory, withoutKeys)).toEqual([{ where: "index", message: "holds 1199 pairs, expected 1200" }])
  })

  test("another key's log is not this one's", async () => {
    const other = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(9))
    const findings = await fsck(await newLog(), { ...FSCK, verifierKey: other.verifier })
    expect(findings.map(({ where }) => where)).toEqual(["checkpoint", "cosigned checkpoint"])
  })

  test("refuses a folder without a log, and a log in use", async () => {
    await refuses(async () => fsck(dirname(await newDirectory()), FSCK), "NOT_FOUND")
    const directory = await newDirectory()
    const log = await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })
    await refuses(() => fsck(directory, FSCK), "STATE_UNSAFE")
    await log.close()
    expect(await fsck(directory, FSCK)).toEqual([])
  })

  test("a log whose tile is damaged answers reads of it with LOG_BROKEN, and the rest as before", async () => {
    const directory = await newLog()
    await truncate(join(directory, "tile/0/000"), 32)
    await rm(join(directory, "tile/entries/001"))
    const log = await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })
    await refuses(() => log.serve("tile/0/000"), "LOG_BROKEN")
    await refuses(() => log.proveInclusion(3, SIZE), "LOG_BROKEN")
    await refuses(() => log.entry(300), "LOG_BROKEN")
    expect((await log.serve("tile/0/001")).status).toBe(200)
    expect(await log.entry(3)).toEqual(entriesOf(3, 1)[0]?.bytes)
    await log.close()
  })
})
