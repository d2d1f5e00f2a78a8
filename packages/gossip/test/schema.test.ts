import { readFileSync } from "node:fs"
import { parseCanonicalJson, utf8Decode } from "@vouchsafe/core"
import { expect, test } from "vitest"
import { ANNOUNCED_PURL_LENGTH_MAX, ANNOUNCED_PURLS_MAX, formatMessage, GOSSIP_CHECKPOINT_LENGTH_MAX, GOSSIP_FORMAT, GOSSIP_KINDS, GOSSIP_MESSAGE_BYTES_MAX, GOSSIP_ORIGIN_LENGTH_MAX, type GossipKind, type GossipMessage, INCLUSION_HASHES_MAX } from "../src/index.ts"
import * as gossip from "../src/index.ts"

interface Kind {
  readonly required: readonly string[]
  readonly properties: Readonly<Record<string, { readonly const?: string; readonly maxLength?: number; readonly maxItems?: number; readonly items?: { readonly maxLength?: number } }>>
}

const schema = JSON.parse(readFileSync(new URL("../../spec/schemas/gossip.schema.json", import.meta.url), "utf8")) as { readonly oneOf: readonly Kind[] }
const SAMPLES: Readonly<Record<GossipKind, GossipMessage>> = {
  head: { kind: "head", origin: "a", checkpoint: "b" }, statements: { kind: "statements", origin: "a", size: 1, purls: ["pkg:npm/x@1.0.0"], signature: new Uint8Array(64) },
  notice: { kind: "notice", origin: "a", index: 0, entry: "b", proof: [new Uint8Array(32)], checkpoint: "c" }, misbehavior: { kind: "misbehavior", proof: "a" },
}

test("the schema has every kind, with the members that are written", () => {
  expect(schema.oneOf.map(({ properties }) => properties["kind"]?.const)).toEqual([...GOSSIP_KINDS])
  for (const [i, kind] of GOSSIP_KINDS.entries()) {
    const written = Object.keys(parseCanonicalJson(utf8Decode(formatMessage(SAMPLES[kind]))) as object)
    expect([...schema.oneOf[i]?.required ?? []]).toEqual(written)
    expect(Object.keys(schema.oneOf[i]?.properties ?? {}).sort()).toEqual(written)
    expect(schema.oneOf[i]?.properties["format"]?.const).toBe(GOSSIP_FORMAT)
  }
})

test("the schema and the code have the same limits", () => {
  const [head, statements, notice, misbehavior] = schema.oneOf.map(({ properties }) => properties)
  expect([head?.["origin"]?.maxLength, head?.["checkpoint"]?.maxLength]).toEqual([GOSSIP_ORIGIN_LENGTH_MAX, GOSSIP_CHECKPOINT_LENGTH_MAX])
  expect([statements?.["purls"]?.maxItems, statements?.["purls"]?.items?.maxLength]).toEqual([ANNOUNCED_PURLS_MAX, ANNOUNCED_PURL_LENGTH_MAX])
  expect([notice?.["proof"]?.maxItems, misbehavior?.["proof"]?.maxLength]).toEqual([INCLUSION_HASHES_MAX, GOSSIP_MESSAGE_BYTES_MAX])
})

test("what the package exports", () => {
  expect(Object.keys(gossip).sort()).toEqual([
    "ANNOUNCED_PURLS_MAX", "ANNOUNCED_PURL_LENGTH_MAX", "GOSSIP_CHECKPOINT_LENGTH_MAX", "GOSSIP_FORMAT", "GOSSIP_KINDS", "GOSSIP_MESSAGE_BYTES_MAX", "GOSSIP_ORIGIN_LENGTH_MAX", "GOSSIP_OUTCOMES",
    "HEADS_REMEMBERED_MAX", "HEADS_UNTIED_MAX", "INCLUSION_HASHES_MAX", "MESSAGES_PER_ORIGIN", "MESSAGES_PER_PEER", "NOTICES_REMEMBERED_MAX", "ORIGINS_REMEMBERED_MAX", "PEERS_REMEMBERED_MAX",
    "SELF", "STATEMENTS_CONTEXT", "TIE_RETRY_MS", "TOPICS", "announcedText", "createGossip", "formatMessage", "keysOf", "logOf", "openConvictions", "parseMessage", "signAnnouncement",
  ])
})

test("what a log signs of an announcement is no checkpoint, and no checkpoint is one", async () => {
  const { parseCheckpoint } = await import("@vouchsafe/core")
  const text = gossip.announcedText({ origin: "a.example/log", size: 7, purls: ["pkg:npm/x@1.0.0"] })
  expect(text).toBe("vouchsafe-statements/v1\na.example/log\n7\npkg:npm/x@1.0.0\n")
  expect(() => parseCheckpoint(text)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" }))
})
