import { type Bytes, cosign, parseNote, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { type Answer, answerOf, createFakeWitness, type FakeWitness } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { entriesOf, entryOf } from "./helpers.ts"
import { atLeast, held, newWorld, NOW, published, settle } from "./witnessed-log.ts"

describe("a witness that is dead or lies never blocks the others", () => {
  const other = createFakeWitness("other", 99, () => NOW)
  const lies: readonly { readonly name: string; readonly answer: Answer; readonly failure: string }[] = [
    { name: "is unreachable", answer: () => Promise.reject(new VouchsafeError("UNREACHABLE", "connection refused")), failure: "connection refused" },
    { name: "breaks in an unexpected way", answer: () => Promise.reject(new Error("socket hang up")), failure: "socket hang up" },
    { name: "answers 500", answer: () => answerOf(500, "no\n"), failure: "answered 500" },
    { name: "answers 404", answer: () => answerOf(404, "unknown log\n"), failure: "answered 404" },
    { name: "answers 422", answer: () => answerOf(422, "consistency proof\n"), failure: "answered 422" },
    { name: "answers 301", answer: () => answerOf(301, ""), failure: "answered 301" },
    { name: "answers nothing", answer: () => answerOf(200, ""), failure: "expected signature lines" },
    { name: "answers prose", answer: () => answerOf(200, "fine by me\n"), failure: "signature line" },
    { name: "answers bytes that are no text", answer: () => ({ status: 200, headers: {}, body: Uint8Array.of(0xff, 0xfe) }), failure: "UTF-8" },
    {
      name: "cosigns another checkpoint",
      answer: (_, request) => answerOf(200, cosignedBy(utf8Decode(request.body ?? new Uint8Array()), "w0", (text) => text.replace(/\n[0-9]+\n/, "\n9\n"))),
      failure: "does not verify",
    },
    { name: "answers with another witness's line", answer: (_, request) => answerOf(200, cosign(other.signer, textIn(request.body), NOW)), failure: "no line of" },
    {
      name: "flips a byte of its signature",
      answer: (honest) => answerOf(200, utf8Decode(honest().body).replace(/(.{20})(.)(=?=?\n)$/, (_, a: string, b: string, c: string) => `${a.slice(0, -1)}${a.endsWith("A") ? "B" : "A"}${b}${c}`)),
      failure: "does not verify",
    },
    { name: "names a time of 0", answer: (_, request) => answerOf(200, cosignedBy(utf8Decode(request.body ?? new Uint8Array()), "w0", undefined, 0)), failure: "cosigned at 0" },
    {
      name: "names a time 301 s ahead",
      answer: (_, request) => answerOf(200, cosignedBy(utf8Decode(request.body ?? new Uint8Array()), "w0", undefined, NOW + 301)),
      failure: `cosigned at ${NOW + 301}`,
    },
    { name: "answers 409 with no number", answer: () => answerOf(409, "five\n"), failure: "plain decimal" },
    { name: "answers 409 with no newline", answer: () => answerOf(409, "5"), failure: "expected a size and a newline" },
    { name: "answers 409 with hexadecimal", answer: () => answerOf(409, "0x1\n"), failure: "plain decimal" },
    { name: "answers 409 with what it was sent", answer: () => answerOf(409, "0\n"), failure: "the very size" },
    { name: "answers 409 with a size that this log never had", answer: () => answerOf(409, "400\n"), failure: "says that this log has 400 entries" },
    {
      name: "answers 409 for ever",
      answer: (_, request) => answerOf(409, `${Number(/^old ([0-9]+)/.exec(utf8Decode(request.body ?? new Uint8Array()))?.[1]) + 1}\n`),
      failure: "named another size in each of 3 answers",
    },
  ]

  function textIn(body: Bytes | undefined): string {
    const text = utf8Decode(body ?? new Uint8Array())
    return parseNote(text.slice(text.indexOf("\n\n") + 2)).text
  }

  function cosignedBy(body: string, name: string, change = (text: string): string => text, time = NOW): string {
    return cosign(createFakeWitness(name, 10, () => NOW).signer, change(textIn(utf8Encode(body))), time)
  }

  test.each(lies)("THREATS Byzantine witness: one that $name", async ({ answer, failure }) => {
    const world = await newWorld(3, atLeast(2))
    await world.log.append(entriesOf(0, 300));
    (world.witnesses[0] as FakeWitness).answer = answer
    expect(await world.cosigners.collect()).toBe(true)
    await settle()
    expect(published(world)).toEqual({ size: 300, times: { w1: NOW, w2: NOW } })
    expect(world.cosigners.status()[0]?.failure).toContain(failure)
    expect(world.cosigners.status()[0]?.cosignedAtSeconds).toBeUndefined()
    expect(world.witnesses[0]?.requests.length).toBeLessThanOrEqual(3)
    // It may come to its senses.
    Object.assign(world.witnesses[0] as FakeWitness, { answer: ((honest) => honest()) satisfies Answer })
    await world.log.append(entriesOf(300, 1))
    expect(await world.cosigners.collect()).toBe(true)
    await settle()
    expect(published(world).times).toEqual({ w0: NOW, w1: NOW, w2: NOW })
  })

  test("an answer beside the witness's own line may hold lines of others, which are not published", async () => {
    const world = await newWorld(1, atLeast(1));
    (world.witnesses[0] as FakeWitness).answer = (honest, request) => answerOf(200, cosign(other.signer, textIn(request.body), NOW) + utf8Decode(honest().body))
    expect(await world.cosigners.collect()).toBe(true)
    expect(parseNote(world.log.cosigned()?.text ?? "").signatures.map(({ name }) => name)).toEqual(["log.example/npm", "witness.example/w0"])
  })

  test("one that hangs: the quorum publishes, the next round runs, and its late answer is added", async () => {
    const world = await newWorld(3, atLeast(2))
    const slow = held();
    (world.witnesses[0] as FakeWitness).answer = slow.answer
    await world.log.append([entryOf(0)])
    expect(await world.cosigners.collect()).toBe(true)
    expect(published(world)).toEqual({ size: 1, times: { w1: NOW, w2: NOW } })
    await world.log.append([entryOf(1)])
    expect(await world.cosigners.collect()).toBe(true)
    expect(published(world)).toEqual({ size: 2, times: { w1: NOW, w2: NOW } })
    // Its answer for size 1 comes: nothing goes back, and it is asked for size 2.
    slow.release()
    await settle()
    expect(published(world)).toEqual({ size: 2, times: { w0: NOW, w1: NOW, w2: NOW } })
    expect(world.witnesses[0]?.requests.map((body) => body.split("\n")[0])).toEqual(["old 0", "old 1"])
  })

  test("too few that answer: false, nothing is published, and the former checkpoint stays", async () => {
    const world = await newWorld(3, atLeast(2))
    expect(await world.cosigners.collect()).toBe(true)
    for (const i of [0, 1]) (world.witnesses[i] as FakeWitness).answer = () => answerOf(503, "later\n")
    await world.log.append([entryOf(0)])
    expect(await world.cosigners.collect()).toBe(false)
    expect(published(world).size).toBe(0)
    expect(utf8Decode((await world.log.serve("checkpoint")).body)).toBe(world.log.cosigned()?.text)
  })

  test("THREATS witness collusion: the same witness twice is one voice", async () => {
    const world = await newWorld(2, atLeast(2))
    const [one, other] = world.witnesses as [FakeWitness, FakeWitness]
    let said = (_: Awaited<ReturnType<Answer>>): void => undefined
    const same = new Promise<Awaited<ReturnType<Answer>>>((resolve) => { said = resolve })
    one.answer = (honest) => {
      const answer = honest()
      said(answer)
      return answer
    }
    other.answer = () => same
    expect(await world.cosigners.collect()).toBe(false)
    expect([one.requests.length, other.requests.length, world.log.cosigned()]).toEqual([1, 1, undefined])
    other.answer = (honest) => honest()
    expect(await world.cosigners.collect()).toBe(true)
    expect(published(world)).toEqual({ size: 0, times: { w0: NOW, w1: NOW } })
  })

  test("THREATS witness collusion: the quorum decides by name", async () => {
    const world = await newWorld(2, (names) => names.has("w1"));
    (world.witnesses[1] as FakeWitness).answer = () => answerOf(500, "no\n")
    expect(await world.cosigners.collect()).toBe(false)
    expect(await world.cosigners.collect()).toBe(false)
    expect(world.log.cosigned()).toBeUndefined()
  })
})
