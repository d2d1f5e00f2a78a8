import { KEY_TYPE, leafHash, rootOfLeaves, signerFromSeed } from "@vouchsafe/core"
import { createMemoryLogDisk, fastCrypto, recordingSigner, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { openLog } from "../src/index.ts"
import { bytes, entriesOf, entryOf, newDirectory, openOn, ORIGIN, signer } from "./helpers.ts"

describe("a directory belongs to one log, one process, one history", () => {
  test("another key is refused", async () => {
    const directory = await newDirectory()
    await (await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })).close()
    const other = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(2))
    await refuses(() => openLog({ directory, origin: ORIGIN, signer: other, crypto: fastCrypto }), "STATE_UNSAFE")
    await (await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })).close()
  })

  test("a second opening is refused while the first lasts", async () => {
    const directory = await newDirectory()
    const log = await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })
    await refuses(() => openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto }), "STATE_UNSAFE")
    await log.append([entryOf(0)])
    await log.close()
    await refuses(() => log.append([entryOf(1)]), "STATE_UNSAFE")
  })

  test("THREATS log operator: a database older than its tiles is not continued, for that would sign a second history", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 200))
    const backup = disk.fork()
    await log.append(entriesOf(200, 100))
    await log.close()
    for (const [path, bytes] of disk.kept.files) backup.kept.files.set(path, bytes)
    const { signer: recording, messages } = recordingSigner(signer)
    await refuses(async () => openOn(await backup.open(), { signer: recording }), "STATE_UNSAFE")
    expect(messages).toEqual([])
  })

  test.each([
    { name: "another root", damage: { root: new Uint8Array(32) }, code: "LOG_BROKEN" as const },
    { name: "another size", damage: { size: 3 }, code: "LOG_BROKEN" as const },
    { name: "another text", damage: { text: "gone\n" }, code: "STATE_UNSAFE" as const },
  ])("a stored checkpoint with $name is refused and nothing is signed", async ({ damage, code }) => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 5))
    await log.publishCosigned(log.checkpoint())
    await log.close()
    for (const kind of ["signed", "cosigned"] as const) {
      const broken = disk.fork()
      const head = broken.kept[kind]
      if (head === undefined) throw new Error(`no ${kind} head`)
      broken.kept[kind] = { ...head, ...damage }
      const { signer: recording, messages } = recordingSigner(signer)
      await refuses(async () => openOn(await broken.open(), { signer: recording }), code)
      expect(messages).toEqual([])
    }
  })

  test("THREATS log operator: tiles without their database are not begun anew", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 256))
    await log.close()
    const emptied = createMemoryLogDisk()
    for (const [path, bytes] of disk.kept.files) emptied.kept.files.set(path, bytes)
    await refuses(async () => openOn(await emptied.open()), "STATE_UNSAFE")
    emptied.kept.files.delete("tile/entries/000")
    await refuses(async () => openOn(await emptied.open()), "STATE_UNSAFE")
  })

  test("entries and staged root that changed together are refused against what was signed", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 5))
    await log.close()
    const changed = { ...entryOf(4), bytes: bytes(3) }
    disk.kept.entries.set(4, changed.bytes)
    const leaves = [...entriesOf(0, 4), changed].map((entry) => leafHash(fastCrypto, entry.bytes))
    disk.kept.staged = { size: 5, root: rootOfLeaves(fastCrypto, leaves) }
    const { signer: recording, messages } = recordingSigner(signer)
    await refuses(async () => openOn(await disk.open(), { signer: recording }), "LOG_BROKEN")
    // The same, with an entry more that was staged when the process died.
    disk.kept.entries.set(5, entryOf(5).bytes)
    disk.kept.staged = { size: 6, root: rootOfLeaves(fastCrypto, [...leaves, leafHash(fastCrypto, entryOf(5).bytes)]) }
    await refuses(async () => openOn(await disk.open(), { signer: recording }), "LOG_BROKEN")
    expect(messages).toEqual([])
  })

  test("a staged entry that changed is refused and nothing is signed", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 300))
    await log.close()
    disk.kept.entries.set(299, bytes(3))
    await refuses(async () => openOn(await disk.open()), "LOG_BROKEN")
  })
})
