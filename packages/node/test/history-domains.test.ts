import { describe, expect, test } from "vitest"
import { type Answer, type AskDns, createDomainLookup, dnsOf, type RecordKind } from "../src/history/domains.ts"
import { dnsServer } from "./history-servers.ts"

type Zone = Readonly<Record<string, Answer | Partial<Record<RecordKind, Answer>>>>

function lookup(zone: Zone) {
  const clock = { now: 1_770_000_000_000, nowMs: () => clock.now }
  const asked: string[] = []
  const ask: AskDns = async (name, kind) => {
    asked.push(`${name} ${kind}`)
    const found = zone[name] ?? "no-name"
    return typeof found === "string" ? found : found[kind] ?? "none"
  }
  return { clock, asked, look: createDomainLookup({ ask, clock }).look }
}

describe("a domain", () => {
  test.each<{ name: string; zone: Zone; state: string }>([
    { name: "has a mail server", zone: { "a.example": { MX: "records" } }, state: "resolves" },
    { name: "has an address only", zone: { "a.example": { A: "records" } }, state: "resolves" },
    { name: "has a newer address only", zone: { "a.example": { AAAA: "records" } }, state: "resolves" },
    { name: "has name servers only", zone: { "a.example": { NS: "records" } }, state: "resolves" },
    { name: "is not there, and the domain above is", zone: { example: { NS: "records" } }, state: "lapsed" },
    { name: "is not there, and the domain above has nothing of the kind", zone: { example: {} }, state: "lapsed" },
    { name: "is not there, nor is the domain above: a resolver that knows nothing", zone: {}, state: "unknown" },
    { name: "is not there, and nobody answers about the domain above", zone: { example: "failure" }, state: "unknown" },
    { name: "is there and has nothing", zone: { "a.example": {}, example: "records" }, state: "unknown" },
    { name: "is not there for some kinds only", zone: { "a.example": { MX: "no-name", A: "none" }, example: "records" }, state: "unknown" },
    { name: "is asked of nobody who answers", zone: { "a.example": "failure", example: "records" }, state: "unknown" },
    { name: "is asked of one who fails half way", zone: { "a.example": { MX: "no-name", A: "failure" }, example: "records" }, state: "unknown" },
  ])("$name", async ({ zone, state }) => {
    expect(await lookup(zone).look("a.example")).toEqual({ state, registeredAt: null })
  })
})

test("asks once for all who want to know, remembers for hours, and what is in doubt for a minute", async () => {
  const { look, asked, clock } = lookup({ "a.example": "records", "b.example": "failure" })
  await Promise.all([look("a.example"), look("a.example"), look("b.example"), look("b.example")])
  await look("a.example")
  await look("b.example")
  expect(asked).toEqual(["a.example MX", "b.example MX"])
  clock.now += 60_000
  await look("a.example")
  await look("b.example")
  expect(asked.slice(2)).toEqual(["b.example MX"])
  clock.now += 6 * 3_600_000
  await look("a.example")
  expect(asked.slice(3)).toEqual(["a.example MX"])
})

describe("name servers", () => {
  test.each([
    { name: "an address", code: 0, hasRecord: true, answer: "records" }, { name: "nothing of the kind", code: 0, hasRecord: false, answer: "none" },
    { name: "no such name", code: 3, hasRecord: false, answer: "no-name" }, { name: "a failure of its own", code: 2, hasRecord: false, answer: "failure" }, { name: "a refusal", code: 5, hasRecord: false, answer: "failure" },
  ])("$name: $answer", async ({ code, hasRecord, answer }) => {
    expect(await dnsOf([await dnsServer(() => ({ code, hasRecord }))])("a.example", "A")).toBe(answer)
  })
})
