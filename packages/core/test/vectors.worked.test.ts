import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import {
  base64Decode, type Bytes, checkConsistency, checkInclusion, checkTlogProof, cosign, cosignedMessage, equalBytes, formatCheckpoint, formatEntryBundle,
  formatSigningKey, formatTlogProof, h1, hexEncode, hexOfH1, keyIdOf, leafHash, nobleCrypto, nodeReaderFromLeaves, nodeReaderFromTiles, npmPurl, openCheckpoint,
  openNote, parseCheckpoint, parseEntryBundle, parseEnvelope, parseForeignStatement, parseNote, parseSigningKey, parseTilePath, parseTlogPolicy, parseTlogProof,
  parseVerifierKey, preAuthEncode, proveConsistency, proveConsistencyAsync, proveInclusion, proveInclusionAsync, rootFromTiles, rootOfLeaves, sha512OfSri,
  signerFromSeed, signNote, sriOfSha512, tileCounts, tilePath, type TileReader, tilesForSize, utf8Decode, utf8Encode, verifyCosignature, verifyEnvelope,
} from "../src/index.ts"
import { decimalLeaves, hex, naiveRoot, nodeCrypto, readVectorJson, runVectors } from "./support.ts"

interface Worked {
  readonly keys: readonly { readonly name: string; readonly type: number; readonly seedHex: string; readonly publicKeyHex: string; readonly keyIdHex: string; readonly vkey: string }[]
  readonly goSkey: { readonly skey: string }
  readonly tree: { readonly leavesHex: readonly string[]; readonly leafHashes: readonly string[]; readonly roots: readonly string[] } & Readonly<Record<string, readonly string[]>>
  readonly checkpoint: { readonly body: string; readonly signed: string; readonly cosigned: string; readonly cosignedMessage_w1: string }
  readonly tlogProof: { readonly text: string }
  readonly addCheckpoint: { readonly requestBody: string; readonly responseBody: string; readonly first: { readonly requestBody: string; readonly responseBody: string }; readonly originHash: string }
  readonly tiles: {
    readonly size: number; readonly root: string; readonly rootB64: string
    readonly tiles: Readonly<Record<string, { readonly bytes: number; readonly sha256: string; readonly firstBytesHex?: string }>>
    readonly level2hash0: string; readonly inclusion69999: readonly string[]; readonly inclusion12345len: number
    readonly numTiles: readonly { readonly full: number; readonly partial: number }[]
  }
  readonly tilePaths: readonly { readonly level: number | "entries"; readonly n: number; readonly w: number; readonly path: string }[]
  readonly mldsa: { readonly name: string; readonly keyIdHex: string }
  readonly dsse: { readonly payloadUtf8: string; readonly paePrefix: string; readonly paeSha256: string; readonly ed25519SeedHex: string; readonly sigB64: string; readonly envelope: object; readonly sri: string }
  readonly paeSamples: readonly { readonly type: string; readonly body: string; readonly paeHex: string }[]
  readonly dirhash: { readonly files: Readonly<Record<string, string>>; readonly h1: string; readonly dirHashHex: string; readonly empty: string }
}

const worked = readVectorJson<Worked>("own", "worked-vectors.json")
const [logKey, w1, w2] = worked.keys.map(({ vkey }) => parseVerifierKey(vkey)) as [ReturnType<typeof parseVerifierKey>, ReturnType<typeof parseVerifierKey>, ReturnType<typeof parseVerifierKey>]
const [logSigner, w1Signer, w2Signer] = worked.keys.map(({ name, type, seedHex }) => signerFromSeed(name, type, hex(seedHex))) as [ReturnType<typeof signerFromSeed>, ReturnType<typeof signerFromSeed>, ReturnType<typeof signerFromSeed>]
const leaves = worked.tree.leafHashes.map(hex)
const hexes = (hashes: readonly Bytes[]): string[] => hashes.map(hexEncode)

test("every part of the file is either run here or named as not ours", () => {
  const run = ["keys", "goSkey", "tree", "checkpoint", "tlogProof", "addCheckpoint", "tiles", "tilePaths", "dsse", "paeSamples", "dirhash"]
  // mldsa: only the key ID (vectors.note); this package does not verify ML-DSA. mpt: no verifiable map in this package.
  expect(Object.keys(worked).sort()).toEqual([...run, "mldsa", "mpt"].sort())
})

test("keys", () => {
  runVectors("own/worked keys", 3, worked.keys, ({ name, type, seedHex, publicKeyHex, keyIdHex, vkey }) => {
    expect(signerFromSeed(name, type, hex(seedHex)).verifier).toEqual(parseVerifierKey(vkey))
    expect(parseVerifierKey(vkey)).toEqual({ name, type, keyId: keyIdHex, publicKey: hex(publicKeyHex), vkey })
    expect(keyIdOf(name, type, hex(publicKeyHex))).toBe(keyIdHex)
  })
  const { signer, seed } = parseSigningKey(worked.goSkey.skey)
  expect(signer.verifier).toEqual(logKey)
  expect(formatSigningKey(signer.verifier, seed)).toBe(worked.goSkey.skey)
})

test("tree", () => {
  expect(hexes(worked.tree.leavesHex.map((entry) => leafHash(nodeCrypto, hex(entry))))).toEqual(worked.tree.leafHashes)
  runVectors("own/worked roots", 9, worked.tree.roots, (root) => {
    const size = worked.tree.roots.indexOf(root)
    expect(hexEncode(rootOfLeaves(nobleCrypto, leaves.slice(0, size)))).toBe(root)
  })
  const inclusions = Object.keys(worked.tree).filter((name) => name.startsWith("inclusion_"))
  runVectors("own/worked inclusion proofs", 2, inclusions, (name) => {
    const [index, size] = name.match(/[0-9]+/g)?.map(Number) as [number, number]
    const proof = proveInclusion(nodeCrypto, leaves.slice(0, size), { index, size })
    expect(hexes(proof)).toEqual(worked.tree[name])
    expect(checkInclusion(nobleCrypto, { index, size, proof, leafHash: leaves[index] as Bytes, root: hex(worked.tree.roots[size] as string) })).toBe(true)
  })
  const consistencies = Object.keys(worked.tree).filter((name) => name.startsWith("consistency_"))
  runVectors("own/worked consistency proofs", 3, consistencies, (name) => {
    const [oldSize, newSize] = name.match(/[0-9]+/g)?.map(Number) as [number, number]
    const proof = proveConsistency(nodeCrypto, leaves, { oldSize, newSize })
    expect(hexes(proof)).toEqual(worked.tree[name])
    const [oldRoot, newRoot] = [hex(worked.tree.roots[oldSize] as string), hex(worked.tree.roots[newSize] as string)]
    expect(checkConsistency(nobleCrypto, { oldSize, newSize, oldRoot, newRoot, proof })).toBe("consistent")
  })
})

test("checkpoint and cosignatures", () => {
  const { body, signed, cosigned, cosignedMessage_w1 } = worked.checkpoint
  const root = hex(worked.tree.roots[7] as string)
  expect(formatCheckpoint({ origin: "log.example/npm", size: 7, root })).toBe(body)
  expect(signNote(logSigner, body)).toBe(signed)
  expect(utf8Decode(cosignedMessage(1700000000, body))).toBe(cosignedMessage_w1)
  expect(signed + cosign(w1Signer, body, 1700000000) + cosign(w2Signer, body, 1700000001)).toBe(cosigned)
  runVectors("own/worked checkpoint", 2, [nobleCrypto, nodeCrypto], (crypto) => {
    const { checkpoint, note } = openCheckpoint(crypto, cosigned, logKey)
    expect(checkpoint).toEqual({ origin: "log.example/npm", size: 7, root, extensions: [] })
    expect(verifyCosignature(crypto, w1, note)).toEqual({ timeSeconds: 1700000000 })
    expect(verifyCosignature(crypto, w2, note)).toEqual({ timeSeconds: 1700000001 })
    expect(openNote(crypto, note, [w2, w1, logKey]).verified).toEqual([logKey, w1, w2])
  })
})

test("tlog-proof", () => {
  const { text } = worked.tlogProof
  const proof = parseTlogProof(text)
  expect(utf8Encode(text)).toHaveLength(615)
  expect(formatTlogProof(proof)).toBe(text)
  expect(proof.index).toBe(5)
  expect(utf8Decode(proof.extra as Bytes)).toBe("hello")
  const policy = parseTlogPolicy(`log ${logKey.vkey}\nwitness one ${w1.vkey}\nwitness two ${w2.vkey}\ngroup both all one two\nquorum both\n`)
  runVectors("own/worked tlog-proof", 2, [nobleCrypto, nodeCrypto], (crypto) => {
    expect(checkTlogProof(crypto, proof, leaves[5] as Bytes, policy)).toMatchObject({
      ok: true, log: logKey, witnesses: [{ name: "one", timeSeconds: 1700000000 }, { name: "two", timeSeconds: 1700000001 }],
    })
    expect(checkTlogProof(crypto, proof, leaves[4] as Bytes, policy)).toMatchObject({ ok: false, reason: "inclusion" })
  })
})

test("add-checkpoint: the parts of both requests and their answers", () => {
  const { requestBody, responseBody, first, originHash } = worked.addCheckpoint
  expect(createHash("sha256").update(logKey.name).digest("hex")).toBe(originHash)
  const cases = [{ request: first.requestBody, response: first.responseBody, time: 1699999900, known: { size: 0, root: rootOfLeaves(nodeCrypto, []) } },
    { request: requestBody, response: responseBody, time: 1700000000, known: { size: 3, root: hex(worked.tree.roots[3] as string) } }]
  runVectors("own/worked add-checkpoint", 2, cases, ({ request, response, time, known }) => {
    const head = request.slice(0, request.indexOf("\n\n")).split("\n")
    const { checkpoint, note } = openCheckpoint(nodeCrypto, request.slice(request.indexOf("\n\n") + 2), logKey)
    expect(head[0]).toBe(`old ${known.size}`)
    const proof = head.slice(1).map(base64Decode)
    const claim = { oldSize: known.size, oldRoot: known.root, newSize: checkpoint.size, newRoot: checkpoint.root, proof }
    expect(checkConsistency(nodeCrypto, claim)).toBe("consistent")
    expect(cosign(w1Signer, note.text, time)).toBe(response)
    expect(verifyCosignature(nodeCrypto, w1, parseNote(`${note.text}\n${response}`))).toEqual({ timeSeconds: time })
  })
})

test("tiles of 70,000 leaves", async () => {
  const { size, root, rootB64, tiles: expected, level2hash0, inclusion69999, inclusion12345len, numTiles } = worked.tiles
  const entries = Array.from({ length: size }, (_, i) => utf8Encode(String(i)))
  const hashes = decimalLeaves(size)
  const nodes = nodeReaderFromLeaves(nodeCrypto, hashes)
  const store = new Map<string, Bytes>()
  for (const { level, index, width } of tilesForSize(size)) {
    const start = index * 256
    const tile = Array.from({ length: width }, (_, i) => nodes.node(8 * (level as number), start + i))
    store.set(tilePath(level, index, width), new Uint8Array(Buffer.concat(tile)))
    if (level === 0) store.set(tilePath("entries", index, width), formatEntryBundle(entries.slice(start, start + width)))
  }
  expect(tileCounts(size)).toEqual(numTiles)
  runVectors("own/worked tiles", 9, Object.entries(expected), ([path, { bytes, sha256, firstBytesHex = "" }]) => {
    const tile = store.get(path) as Bytes
    expect(tile, path).toHaveLength(bytes)
    expect(createHash("sha256").update(tile).digest("hex"), path).toBe(sha256)
    expect(hexEncode(tile).startsWith(firstBytesHex)).toBe(true)
    const { level, index, width } = parseTilePath(path)
    if (level === "entries") expect(parseEntryBundle(tile, width)).toEqual(entries.slice(index * 256, index * 256 + width))
  })
  expect(hexEncode(rootOfLeaves(nodeCrypto, hashes))).toBe(root)
  expect(hexEncode(base64Decode(rootB64))).toBe(root)
  expect(hexEncode(nodes.node(16, 0))).toBe(level2hash0)

  let reads = 0
  const reader: TileReader = { tile: async (level, index, width) => { reads++; return store.get(tilePath(level, index, width)) as Bytes } }
  expect(hexEncode(await rootFromTiles(nodeCrypto, reader, size))).toBe(root)
  const fromTiles = nodeReaderFromTiles(nodeCrypto, reader, size)
  reads = 0
  const last = await proveInclusionAsync(nodeCrypto, fromTiles, { index: 69999, size })
  expect(hexes(last)).toEqual(inclusion69999)
  expect(reads, "one tile a level").toBe(3)
  const inner = await proveInclusionAsync(nodeCrypto, fromTiles, { index: 12345, size })
  expect(inner).toHaveLength(inclusion12345len)
  expect(checkInclusion(nodeCrypto, { index: 12345, size, leafHash: hashes[12345] as Bytes, proof: inner, root: hex(root) })).toBe(true)
  for (const oldSize of [1, 255, 256, 257, 65535, 65536, 65537, 69999]) {
    const proof = await proveConsistencyAsync(nodeCrypto, fromTiles, { oldSize, newSize: size })
    const claim = { oldSize, newSize: size, oldRoot: naiveRoot(hashes.slice(0, oldSize)), newRoot: hex(root), proof }
    expect(checkConsistency(nodeCrypto, claim), `from ${oldSize}`).toBe("consistent")
  }
})

test("tile paths", () => {
  runVectors("own/worked tile paths", 7, worked.tilePaths, ({ level, n, w, path }) => {
    expect(tilePath(level, n, w)).toBe(path)
    expect(parseTilePath(path)).toEqual({ level, index: n, width: w })
  })
})

test("dsse", () => {
  runVectors("own/worked pae", 3, worked.paeSamples, ({ type, body, paeHex }) => {
    expect(hexEncode(preAuthEncode(type, utf8Encode(body)))).toBe(paeHex)
  })
  const { payloadUtf8, paePrefix, paeSha256, ed25519SeedHex, sigB64, envelope: json, sri } = worked.dsse
  const envelope = parseEnvelope(JSON.stringify(json))
  const pae = preAuthEncode(envelope.payloadType, envelope.payload)
  expect(utf8Decode(pae)).toBe(paePrefix + payloadUtf8)
  expect(createHash("sha256").update(pae).digest("hex")).toBe(paeSha256)
  const signer = signerFromSeed("any", 1, hex(ed25519SeedHex))
  expect(signer.sign(pae)).toEqual(base64Decode(sigB64))
  runVectors("own/worked dsse", 2, [nobleCrypto, nodeCrypto], (crypto) => {
    expect(verifyEnvelope(crypto, envelope, [{ publicKey: signer.verifier.publicKey }], 1).ok).toBe(true)
  })
  const { subject: [subject] } = parseForeignStatement(payloadUtf8)
  expect(subject?.name).toBe(npmPurl("@scope/pkg", "1.2.3"))
  expect(sha512OfSri(sri)).toBe(subject?.digest["sha512"])
  expect(sriOfSha512(subject?.digest["sha512"] as string)).toBe(sri)
})

test("dirhash", () => {
  const { files, h1: expected, dirHashHex, empty } = worked.dirhash
  const hashed = Object.entries(files).map(([path, text]) => ({ path, sha256: hexEncode(nodeCrypto.sha256(utf8Encode(text))) }))
  const cases = [() => expect(h1(nodeCrypto, hashed.reverse())).toBe(expected), () => expect(h1(nobleCrypto, [])).toBe(empty), () => expect(hexOfH1(expected)).toBe(dirHashHex)]
  runVectors("own/worked dirhash", 3, cases, (run) => run())
  expect(equalBytes(parseCheckpoint(worked.checkpoint.body).root, hex(worked.tree.roots[7] as string))).toBe(true)
})
