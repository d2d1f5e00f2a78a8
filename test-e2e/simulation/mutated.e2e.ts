/** A real answer of a real node, every member of it changed in several ways, one at a time: no state of a client changes by it, and nothing bad is installed. */
import { openCheckpoint, utf8Decode, utf8Encode } from "@vouchsafe/core"
import { beforeAll, describe, expect, test } from "vitest"
import { counted, expectAllowed, expectRefused } from "./support.ts"
import { packageOf, type Published, sha512Of } from "./world/registry.ts"
import { createWorld, type Person, type World } from "./world/world.ts"

type Json = null | boolean | number | string | Json[] | { [member: string]: Json }
type Path = readonly (string | number)[]

const OTHERS = ["beta", "delta", "gamma"]
const LATER_MS = 6 * 60_000

/** Every member of a document, leaves and branches. */
function pathsIn(value: Json, at: Path = []): Path[] {
  const inner = Array.isArray(value) ? value.flatMap((item, i) => pathsIn(item, [...at, i]))
    : typeof value === "object" && value !== null ? Object.entries(value).flatMap(([name, item]) => pathsIn(item, [...at, name])) : []
  return [at, ...inner]
}

const valueAt = (value: Json, path: Path): Json => path.reduce<Json>((inner, key) => (inner as { [member: string]: Json })[key as string] as Json, value)

function changed(document: Json, path: Path, change: (parent: { [member: string]: Json }, key: string) => void): Json {
  const copy = structuredClone({ root: document })
  const full = ["root", ...path]
  change(valueAt(copy, full.slice(0, -1)) as { [member: string]: Json }, full.at(-1) as string)
  return copy.root
}

/** What is done to a member, by what it is. */
function mutationsOf(value: Json): [name: string, value: Json | undefined][] {
  const common: [string, Json | undefined][] = [["left out", undefined], ["null", null], ["another type", typeof value === "number" ? "1" : 1], ["an object", { __proto__x: 1 }]]
  if (typeof value === "number") return [...common, ["one more", value + 1], ["one less", value - 1], ["negative", -1], ["huge", 2 ** 53], ["a fraction", value + 0.5], ["0", 0]]
  if (typeof value === "string") {
    const middle = Math.floor(value.length / 2)
    const flipped = String.fromCharCode(value.charCodeAt(middle) ^ 1)
    return [...common, ["empty", ""], ["one character changed", value.slice(0, middle) + flipped + value.slice(middle + 1)], ["cut short", value.slice(0, -1)], ["longer", `${value}x`], ["half a surrogate pair", `${value}\ud800`]]
  }
  if (Array.isArray(value)) return [...common, ["empty", []], ["reversed", [...value].reverse()], ["its first twice", [...value.slice(0, 1), ...value]], ["without its last", value.slice(0, -1)], ["more", [...value, "x"]]]
  return value === null || typeof value === "boolean" ? common : [...common, ["an unknown member", { ...(value as unknown as Record<string, Json>), unknown: 1 }]]
}

/** Lines of a signed note, and members of a statement, are changed where they stand: inside texts. */
function textMutations(text: string): [name: string, value: string][] {
  if (text.startsWith("{")) {
    const statement = JSON.parse(text) as Json
    return pathsIn(statement).slice(1).map((path) => {
      const value = valueAt(statement, path)
      return [`statement ${path.join(".")}`, JSON.stringify(changed(statement, path, (parent, key) => {
        parent[key] = typeof value === "string" ? `${value}0` : typeof value === "number" ? value + 1 : null
      }))]
    })
  }
  const lines = text.split("\n")
  return lines.flatMap((line, i): [string, string][] => {
    const put = (...instead: string[]): string => [...lines.slice(0, i), ...instead, ...lines.slice(i + 1)].join("\n")
    return [[`line ${i} left out`, put()], [`line ${i} twice`, put(line, line)], [`line ${i} changed`, put(line === "" ? "x" : `${line.slice(0, -2)}${line.at(-2) === "A" ? "B" : "A"}${line.slice(-1)}`)]]
  })
}

let world: World
let one: Person
let honest: Json
let honestHead: string
const before = { heads: new Map<string, string>(), mirrors: new Map<string, { checkpoint: string; entries: readonly string[] }>() }
/** What alpha answers a request for evidence with. */
let answer: string

beforeAll(async () => {
  world = await createWorld({ seed: "mutated", people: 1 })
  one = world.people[0] as Person
  const alpha = world.node("alpha")
  for (const name of ["one", "two", "three"]) {
    world.registry.publish(name)
    expectAllowed(await world.install(one, world.registry.published.at(-1) as never))
  }
  await world.run(alpha.running?.services.attester.withdraw({ ...(world.registry.published[0] as Published), reason: "an example" }) ?? Promise.reject(new Error("off")))
  await world.advance(LATER_MS)
  for (const [log, head] of one.state.heads) before.heads.set(log, head)
  for (const [log, mirror] of one.state.mirrors) before.mirrors.set(log, mirror)
  for (const name of ["four", "five"]) world.registry.publish(name)
  // Observed by all, so that the answer to be changed is complete at once.
  const seen: string[] = []
  alpha.dishonesty = {
    async intercept(request, honestly) {
      const given = await honestly()
      if (request.path === "/v1/evidence") seen.push(utf8Decode(given.body))
      return given
    },
  }
  const other = world.join("recorder")
  for (const [log, head] of before.heads) await other.state.putHead(log, head, undefined)
  for (const [log, mirror] of before.mirrors) if (mirror.entries.length === 0) await other.state.putNotices(log, mirror, undefined)
  const { verdicts } = await world.run(other.check(fresh().map((version) => other.wants(version))))
  for (const verdict of verdicts) expectAllowed(verdict)
  answer = seen.at(-1) ?? ""
  honest = JSON.parse(answer) as Json
  honestHead = other.state.head(alpha.place.log.vkey) ?? ""
  alpha.dishonesty = {
    intercept: (request, honestly) => (request.path === "/v1/evidence" ? Promise.resolve({ status: 200, headers: { "content-type": "application/json" }, body: utf8Encode(answer) }) : honestly()),
  }
})

const fresh = () => world.registry.published.slice(-2)

/** A person with the memory from before, who asks for what is new: its real bytes, and others. */
async function judge(changedAnswer: string): Promise<void> {
  answer = changedAnswer
  const alpha = world.node("alpha")
  const person = world.join("victim")
  for (const [log, head] of before.heads) await person.state.putHead(log, head, undefined)
  for (const [log, mirror] of before.mirrors) if (mirror.entries.length === 0) await person.state.putNotices(log, mirror, undefined)
  const wanted = fresh().map((version) => person.wants(version))
  const bad = wanted.map((request, i) => ({ ...request, sha512: sha512Of(packageOf(fresh()[i]?.name ?? "", "evil")) }))
  const result = await world.run(person.check([...wanted, ...bad]))
  for (const [i, verdict] of result.verdicts.entries()) {
    if (i >= wanted.length) {
      expectRefused(verdict, "NOT_VOUCHED", "DIGEST_CONFLICT")
      expect(counted(verdict)).toEqual([])
    } else {
      expectAllowed(verdict)
      expect(counted(verdict)).toEqual(expect.arrayContaining(OTHERS))
    }
  }
  // An honest log is never convicted, and what is remembered of it is what it was, or the honest answer's.
  expect(person.state.misbehavior()).toEqual([])
  const [old, head] = [before.heads.get(alpha.place.log.vkey), person.state.head(alpha.place.log.vkey)]
  if (head !== old) {
    const textOf = (note: string): string => note.slice(0, note.indexOf("\n\n"))
    expect(textOf(head ?? "")).toBe(textOf(honestHead))
    openCheckpoint(world.crypto, head ?? "", alpha.place.log)
  }
  const mirror = person.state.notices(alpha.place.notices.vkey)
  if (mirror !== undefined && mirror.entries.length > 0) expect(mirror.entries).toEqual((honest as { notices: { entries: string[] } }).notices.entries)
}

test("the answer that is changed is one in which everything is there", async () => {
  const { log, notices, artifacts } = honest as { log: Record<string, Json[]>; notices: { entries: Json[] }; artifacts: Json[] }
  for (const list of [log["consistency"], log["indices"], log["entries"], log["proof"], notices.entries, artifacts]) expect(list?.length).toBeGreaterThan(0)
  await judge(JSON.stringify(honest))
  const person = world.people.at(-1) as Person
  expect(person.state.head(world.node("alpha").place.log.vkey)).toBe(honestHead)
  const { verdicts } = await world.run(person.check(fresh().map((version) => person.wants(version))))
  for (const verdict of verdicts) expect(counted(verdict)).toContain("alpha")
})

describe("members", () => {
  test("each changed in every way", async () => {
    const paths = pathsIn(honest).slice(1)
    expect(paths.length).toBeGreaterThan(30)
    let count = 0
    for (const path of paths) {
      for (const [name, value] of mutationsOf(valueAt(honest, path))) {
        const mutated = JSON.stringify(changed(honest, path, (parent, key) => {
          if (value === undefined && Array.isArray(parent)) parent.splice(Number(key), 1)
          else if (value === undefined) delete parent[key]
          else parent[key] = value
        }))
        if (mutated === JSON.stringify(honest)) continue
        count += 1
        await judge(mutated).catch((error: unknown) => {
          throw new Error(`${path.join(".")}, ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
        })
      }
    }
    expect(count).toBeGreaterThan(300)
  })

  test("every line of its notes and every member of its statements", async () => {
    const texts = pathsIn(honest).filter((path) => typeof valueAt(honest, path) === "string" && (valueAt(honest, path) as string).length > 200)
    expect(texts.length).toBeGreaterThan(3)
    let count = 0
    for (const path of texts) {
      for (const [name, value] of textMutations(valueAt(honest, path) as string)) {
        count += 1
        await judge(JSON.stringify(changed(honest, path, (parent, key) => {
          parent[key] = value
        }))).catch((error: unknown) => {
          throw new Error(`${path.join(".")}, ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
        })
      }
    }
    expect(count).toBeGreaterThan(100)
  })

  test("no JSON at all, JSON of another shape, too much of it", async () => {
    for (const text of ["", "null", "[]", "{}", "0", answer.slice(0, -1), `${JSON.stringify(honest)}${JSON.stringify(honest)}`, `\ufeff${JSON.stringify(honest)}`, "[".repeat(100_000), `{"format":"vouchsafe-evidence/v1","format":"vouchsafe-evidence/v1"}`]) await judge(text)
  })
})
