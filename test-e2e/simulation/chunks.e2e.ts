/** Tarballs from peers on simulated links, of which some lie: what arrives is what the digest says, and who lied is named and dropped. */
import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { ARTIFACT_PROTOCOL, type ArtifactReader, CHUNK_BYTES, type ChunkList, downloadArtifact, type DownloadOptions, hashArtifact, type Lie, peerSource, serveArtifacts } from "@vouchsafe/artifacts"
import type { PeerTransport } from "@vouchsafe/ports"
import { createSimulation, type Simulation } from "@vouchsafe/testkit"
import { expect, test } from "vitest"

const SIZE = 5 * CHUNK_BYTES + 12_345
const PEERS = ["one", "two", "three"] as const

/** A file in memory, with what a download uses of one. */
function memoryFiles(): { readonly files: NonNullable<DownloadOptions["files"]>; readonly contents: Map<string, Buffer> } {
  const contents = new Map<string, Buffer>()
  const open = async (path: string): Promise<Partial<FileHandle>> => {
    const now = (): Buffer => contents.get(path) ?? Buffer.alloc(0)
    contents.set(path, now())
    return {
      write: (async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        const grown = Buffer.alloc(Math.max(now().length, position + length))
        now().copy(grown)
        grown.set(bytes.subarray(offset, offset + length), position)
        contents.set(path, grown)
        return { bytesWritten: length, buffer: bytes }
      }) as unknown as FileHandle["write"],
      read: (async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        const part = now().subarray(position, position + length)
        bytes.set(part, offset)
        return { bytesRead: part.length, buffer: bytes }
      }) as unknown as FileHandle["read"],
      stat: (async () => ({ size: now().length })) as unknown as FileHandle["stat"],
      truncate: async (length = 0) => void contents.set(path, Buffer.concat([now()], length)),
      sync: async () => undefined, datasync: async () => undefined, close: async () => undefined,
    }
  }
  return { files: { open } as unknown as NonNullable<DownloadOptions["files"]>, contents }
}

function artifactOf(fill: number): { readonly bytes: Buffer; readonly sha512: string; readonly list: ChunkList } {
  const bytes = Buffer.alloc(SIZE, fill)
  for (let at = 0; at < SIZE; at += CHUNK_BYTES) bytes.writeUInt32BE(at + fill, at)
  const hash = hashArtifact()
  hash.update(bytes)
  const { sha512, list } = hash.finish()
  return { bytes, sha512, list }
}
const honest = artifactOf(1)
const poison = artifactOf(2)

const readerOf = (list: ChunkList, bytes: Buffer): ArtifactReader => ({
  have: (sha512s) => sha512s.flatMap((sha512, i) => (sha512 === honest.sha512 ? [i] : [])),
  chunks: async (sha512) => (sha512 === honest.sha512 ? list : undefined),
  read: async (sha512, start, length) => (sha512 === honest.sha512 ? bytes.subarray(start, start + length) : undefined),
})
const HONEST = readerOf(honest.list, honest.bytes)

/** Ways of a peer to answer; all know the digest that is asked for. */
const LIARS: readonly { readonly name: string; readonly reader: ArtifactReader; readonly serve?: (peers: PeerTransport) => void }[] = [
  { name: "poisoned chunks under an honest list", reader: readerOf(honest.list, poison.bytes) },
  { name: "a list of its own and the chunks to it", reader: readerOf(poison.list, poison.bytes) },
  { name: "an honest list but for one digest", reader: readerOf({ ...honest.list, chunks: honest.list.chunks.map((chunk, i) => (i === 2 ? "0".repeat(64) : chunk)) }, honest.bytes) },
  { name: "a list of another size", reader: readerOf({ size: CHUNK_BYTES, chunks: honest.list.chunks.slice(0, 1) }, honest.bytes) },
  { name: "chunks that are too short", reader: { ...HONEST, read: async (_sha512, start, length) => honest.bytes.subarray(start, start + length - 1) } },
  { name: "rubbish for everything", reader: HONEST, serve: (peers) => peers.serve(ARTIFACT_PROTOCOL, { bytesMax: 200_000 }, async () => Buffer.from("rubbish")) },
]

async function download(seed: string, readers: readonly (ArtifactReader | undefined)[], prepare: (simulation: Simulation, transports: readonly PeerTransport[]) => void = () => undefined) {
  const simulation = createSimulation({ seed })
  const own = simulation.peersFor("downloader", { neighbours: PEERS })
  const transports = PEERS.map((host) => simulation.peersFor(host, { operator: host, neighbours: ["downloader"] }))
  for (const [i, reader] of readers.entries()) if (reader !== undefined) serveArtifacts(transports[i] as PeerTransport, reader, () => 0)
  prepare(simulation, transports)
  const lies: Lie[] = []
  const { files, contents } = memoryFiles()
  const result = simulation.time.run(downloadArtifact({
    sha512: honest.sha512, path: "part", files, timers: simulation.life("downloader").timers, sources: PEERS.map((peer) => peerSource(own, peer)),
    onLie(lie) {
      lies.push(lie)
      own.report(lie.source, "lied")
    },
  }))
  return { simulation, own, lies, contents, result }
}

const sha512Of = (bytes: Uint8Array | undefined): string => createHash("sha512").update(bytes ?? new Uint8Array(0)).digest("hex")

test.each(LIARS)("one of three peers sends $name: the whole arrives, by the others", async ({ name, reader, serve }) => {
  const { result, contents, lies, own } = await download(name, [reader, HONEST, HONEST], (_simulation, transports) => serve?.(transports[0] as PeerTransport))
  const { from } = await result
  expect(sha512Of(contents.get("part"))).toBe(honest.sha512)
  expect(lies.map(({ source }) => source).filter((source) => source !== "one")).toEqual([])
  if (lies.length > 0) {
    own.report("one", "lied")
    expect(own.peers().map(({ id }) => id).sort()).toEqual(["three", "two"])
  }
  expect(from.length).toBeGreaterThan(0)
})

test("a peer that sends poisoned chunks is named and dropped", async () => {
  const { result, lies, own } = await download("named", [readerOf(honest.list, poison.bytes), HONEST, HONEST])
  await result
  expect(lies.map(({ source }) => source)).toEqual(["one"])
  expect(own.peers().map(({ id }) => id).sort()).toEqual(["three", "two"])
})

test("two of three collude, and one is cut half-way: the whole arrives, or nothing does", async () => {
  const poisoned = readerOf(poison.list, poison.bytes)
  const { result, contents } = await download("colluding", [poisoned, poisoned, HONEST])
  await result
  expect(sha512Of(contents.get("part"))).toBe(honest.sha512)
  const cut = await download("cut", [poisoned, HONEST, undefined], (simulation) => {
    simulation.links.setDefault({ delayMs: [50, 60] })
    simulation.time.after(250, "world", "", () => simulation.crash("two"))
  })
  await expect(cut.result).rejects.toMatchObject({ code: expect.stringMatching(/UNREACHABLE|NOT_FOUND|TIMEOUT/) })
})

test("peers that all lie give nothing", async () => {
  const poisoned = readerOf(poison.list, poison.bytes)
  const { result, lies } = await download("all lie", [poisoned, readerOf(honest.list, poison.bytes), poisoned])
  await expect(result).rejects.toMatchObject({ code: "UNREACHABLE" })
  expect(lies.length).toBeGreaterThan(0)
})
