import { expect, test } from "vitest"
import {
  formatSigningKey, hexDecode, keyIdOf, leafHash, nobleCrypto, openNote, parseCheckpoint, parseNote, parseSigningKey, parseTilePath,
  parseVerifierKey, signNote, tilePath, utf8Encode, base64Encode, formatCheckpoint, openCheckpoint, quorumSatisfied, parseTlogPolicy, rootFromTiles,
  verifierKeyOf, verifyCosignature, tilesBetween, base64Decode, equalBytes,
} from "../src/index.ts"
import { expectRefusal, nodeCrypto, readVector, readVectorJson, runVectors } from "./support.ts"

interface NoteCase { readonly name: string; readonly note: string; readonly known: readonly string[]; readonly result: string; readonly verified?: readonly string[] }
interface NoteFile { readonly skey: string; readonly text: string; readonly badVkeys: readonly string[]; readonly cases: readonly NoteCase[] }

test("note: Go's cases", () => {
  const { cases } = readVectorJson<NoteFile>("note", "go-sumdb-note.json")
  runVectors("note/go-sumdb-note cases", 13, cases, ({ name, note, known, result, verified = [] }) => {
    const act = (): readonly string[] => openNote(nodeCrypto, note, known.map(parseVerifierKey)).verified.map((key) => key.name)
    switch (result) {
      case "ok": expect(act(), name).toEqual(verified); break
      case "unverified": case "error: invalid signature": expectRefusal(act, "NOTE_UNVERIFIED"); break
      case "error: ambiguous key": expectRefusal(act, "NOTE_KEY_AMBIGUOUS"); break
      case "error: malformed": expectRefusal(act, "NOTE_MALFORMED"); break
      default: expect.fail(`unknown expectation ${result}`)
    }
  })
})

test("note: Go's keys", () => {
  const { skey, text, badVkeys, cases } = readVectorJson<NoteFile>("note", "go-sumdb-note.json")
  runVectors("note/go-sumdb-note refused vkeys", 2, badVkeys, (vkey) => expectRefusal(() => parseVerifierKey(vkey), "VKEY_MALFORMED"))
  const { signer, seed } = parseSigningKey(skey)
  expect(formatSigningKey(signer.verifier, seed)).toBe(skey)
  // Ed25519 is deterministic, so signing gives the very note of the first case's first line.
  expect(cases[0]?.note.startsWith(signNote(signer, text))).toBe(true)
})

test("note: C2SP example", () => {
  const { signedNote } = readVectorJson<{ readonly signedNote: { readonly vkey: string; readonly note: string } }>("note", "c2sp-examples.json")
  runVectors("note/c2sp-examples", 1, [signedNote], ({ vkey, note }) => {
    const key = parseVerifierKey(vkey)
    expect(openNote(nodeCrypto, note, [key]).verified).toEqual([key])
    expect(openNote(nobleCrypto, parseNote(note), [key]).text).toBe("This is an example message.\n")
  })
})

test("tlog: Go's record hash, tree text, tile paths and tile counts", () => {
  interface TlogFile {
    readonly recordHash: { readonly data: string; readonly b64: string }
    readonly tree: { readonly text: string }
    readonly tilePathsWithHeight: readonly (readonly [string, readonly [number, number, number, number] | null])[]
    readonly newTilesCountHeight10: readonly (readonly [number, number, number])[]
  }
  const file = readVectorJson<TlogFile>("note", "go-sumdb-tlog.json")
  expect(base64Encode(leafHash(nodeCrypto, utf8Encode(file.recordHash.data)))).toBe(file.recordHash.b64)
  const head = parseCheckpoint(file.tree.text)
  expect(head).toMatchObject({ origin: "go.sum database tree", size: 123456789012, extensions: [] })
  expect(formatCheckpoint(head)).toBe(file.tree.text)
  // Go writes the tile height into the path and names data tiles otherwise; the index spelling is shared, so cases are translated to height 8.
  const paths = file.tilePathsWithHeight.map(([path, tile]) => {
    const translated = path.replace(/^tile\/[0-9]+\//, "tile/").replace("tile/data/", "tile/entries/")
    return { translated, tile }
  })
  runVectors("note/go-sumdb-tlog tile paths (height 8)", 8, paths, ({ translated, tile }) => {
    if (tile === null) return expectRefusal(() => parseTilePath(translated), "TILE_PATH_MALFORMED")
    const place = parseTilePath(translated)
    expect(place).toMatchObject({ level: tile[1] === -1 ? "entries" : tile[1], index: tile[2] })
    expect(tilePath(place.level, place.index, place.width)).toBe(translated)
  })
  // Counts of new tiles are given for height 10 (1,024 wide); ours are 256 wide, so only the cases inside one tile carry over.
  runVectors("note/go-sumdb-tlog new tiles (applicable)", 2, file.newTilesCountHeight10.filter(([, newSize]) => newSize < 256), ([oldSize, newSize, count]) => {
    expect(tilesBetween(oldSize, newSize)).toHaveLength(count)
  })
})

test("vkey: a published ML-DSA key whose key ID does not follow the specification is refused", () => {
  const { vkey, publicKeyBytes } = readVectorJson<{ readonly vkey: string; readonly publicKeyBytes: number }>("mldsa", "formats-mldsa44-vkey.json")
  runVectors("mldsa/formats-mldsa44-vkey", 1, [vkey], (text) => {
    expectRefusal(() => parseVerifierKey(text), "VKEY_MALFORMED", "expected 31236897")
    const corrected = parseVerifierKey(text.replace("5893dc2c", "31236897"))
    expect(corrected.publicKey).toHaveLength(publicKeyBytes)
  })
})

test("vkey: key ID of an ML-DSA cosigner", () => {
  const { publicKeyB64, keyIdHex, name } = readVectorJson<Record<"publicKeyB64" | "keyIdHex" | "name", string>>("own", "mldsa44-cosignature.json")
  expect(keyIdOf(name, 6, base64Decode(publicKeyB64))).toBe(keyIdHex)
})

const isRefused = (text: string): boolean => /^log [0-9a-f]{64}/m.test(text)

test("policy: Sigsum's built-in policies, whose keys are bare hexadecimal", () => {
  const files = ["sigsum-generic-2025-1", "sigsum-test-2025-3"].map((name) => readVector("policy", `${name}.builtin-policy.txt`))
  runVectors("policy/sigsum refused as they are", 2, files, (text) => {
    expect(isRefused(text)).toBe(true)
    expectRefusal(() => parseTlogPolicy(text), "POLICY_TEXT_MALFORMED", "verifier key")
  })
  const withVkeys = files.map((text) => text
    .replace(/^log ([0-9a-f]{64})/gm, (_, key: string) => `log ${verifierKeyOf(`sigsum.org/v1/tree/${key}`, 1, hexDecode(key)).vkey}`)
    .replace(/^(witness (\S+) +)([0-9a-f]{64})/gm, (_, start: string, name: string, key: string) => start + verifierKeyOf(name, 4, hexDecode(key)).vkey))
  runVectors("policy/sigsum with keys rewritten", 2, withVkeys, (text) => {
    const policy = parseTlogPolicy(text)
    const names = policy.witnesses.map(({ name }) => name)
    expect(policy.logs).toHaveLength(2)
    expect(names).toHaveLength((text.match(/^witness /gm) ?? []).length)
    expect(policy.quorum).toBe("quorum-rule")
    expect(quorumSatisfied(policy, new Set(names))).toBe(true)
    expect(quorumSatisfied(policy, new Set())).toBe(false)
  })
  const testPolicy = parseTlogPolicy(withVkeys[1] as string)
  const outside = ["witness.navigli.sunlight.geomys.org", "remora.n621.de", "witness.stagemole.eu"]
  expect(quorumSatisfied(testPolicy, new Set([...outside, "rgdd.se/poc-witness"])), "3 and half a group").toBe(false)
  expect(quorumSatisfied(testPolicy, new Set([...outside, "rgdd.se/poc-witness", "poc.sigsum.org/nisse"])), "3 and a group").toBe(true)
})

test("policy: keys of the witness network's list", () => {
  const vkeys = [...readVector("policy", "witness-network-testing-log-list.1.txt").matchAll(/^vkey (\S+)$/gm)].map(([, vkey]) => vkey as string)
  runVectors("policy/witness-network vkeys", 9, vkeys, (vkey) => {
    expect(parseVerifierKey(vkey)).toMatchObject({ type: 1, vkey })
  })
})

test("witness: signed requests of litewitness and Sunlight", () => {
  interface WitnessFile { readonly origin: string; readonly logPublicKeyHex: string; readonly requests?: { readonly body: string }[]; readonly requestsInOrder?: { readonly body: string }[] }
  const bodies = ["litewitness", "sunlight"].flatMap((name) => {
    const file = readVectorJson<WitnessFile>("witness", `${name}-add-checkpoint.json`)
    const key = verifierKeyOf(file.origin, 1, hexDecode(file.logPublicKeyHex))
    return (file.requests ?? file.requestsInOrder ?? []).map(({ body }) => ({ key, signed: body.slice(body.indexOf("\n\n") + 2) }))
  })
  const answers: Record<string, number> = {}
  runVectors("witness/add-checkpoint checkpoints", 20, bodies, ({ key, signed }) => {
    let answer = "ok"
    try {
      openCheckpoint(nodeCrypto, signed, key)
    } catch (error) {
      answer = (error as { code: string }).code
    }
    answers[answer] = (answers[answer] ?? 0) + 1
  })
  // Per file one signature in base64 that is not canonical (malformed here, "invalid signature" to a lenient decoder) and one unknown log;
  // Sunlight adds a note without signatures and a tree size that is no number. Everything else is for the witness to judge.
  expect(answers).toEqual({ ok: 14, NOTE_MALFORMED: 3, NOTE_UNVERIFIED: 2, CHECKPOINT_MALFORMED: 1 })
})

test("witness: cosignatures and mirror tiles of Skylight", async () => {
  const files = readVectorJson<Record<string, { readonly utf8?: string; readonly base64?: string }>>("witness", "sunlight-skylight-witness-mirror-dirs.json")
  const keyOf = (path: string) => parseVerifierKey((JSON.parse(files[path]?.utf8 ?? "") as { verifier_keys: [string] }).verifier_keys[0])
  const checkpointOf = (start: string) => {
    const path = Object.keys(files).find((name) => name.startsWith(start) && /\/[0-9a-f]{64}\/checkpoint$/.test(name))
    return parseNote(files[path as string]?.utf8 as string)
  }
  const cases = [
    { key: keyOf("witness/witness.v0.json"), note: checkpointOf("witness/000d") },
    { key: keyOf("witness2/witness.v0.json"), note: checkpointOf("witness2/") },
    { key: keyOf("witness/mirror/mirror.v0.json"), note: checkpointOf("witness/mirror/") },
  ]
  runVectors("witness/skylight cosignatures", 3, cases, ({ key, note }) => {
    expect(verifyCosignature(nodeCrypto, key, note)).toEqual({ timeSeconds: 1767139200 })
    expect(verifyCosignature(nobleCrypto, key, note)).toEqual({ timeSeconds: 1767139200 })
    expect(parseCheckpoint(note.text).size).toBe(300)
  })
  const mirrored = parseCheckpoint(checkpointOf("witness/mirror/").text)
  const folder = Object.keys(files).find((name) => name.endsWith("/tile/0/000"))?.replace("/tile/0/000", "")
  const root = await rootFromTiles(nodeCrypto, {
    tile: (level, index, width) => base64Decode(files[`${folder}/${tilePath(level, index, width)}`]?.base64 as string),
  }, mirrored.size)
  expect(equalBytes(root, mirrored.root)).toBe(true)
})
