import { type Bytes, KEY_TYPE, nobleCrypto, signerFromSeed, signNote, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { PeerFault } from "@vouchsafe/ports"
import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import type { Member } from "../src/binding.ts"
import { createHello } from "../src/hello.ts"
import { formatPeerBinding, HELLO_PROTOCOL } from "../src/index.ts"

const ME = "12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA"
const YOU = "12D3KooWKXT5khw7GV8BXC4LTwFhjEc8xiAUGtpSSey8ZeRcpeJJ"
const DAY_S = 86_400
const alpha = signerFromSeed("alpha.example/log", KEY_TYPE.ed25519, randomBytes(32))
const beta = signerFromSeed("beta.example/log", KEY_TYPE.ed25519, randomBytes(32))

function world(answer: () => Bytes = () => new Uint8Array(), signer: typeof alpha | null = alpha) {
  const clock = { ms: 1_800_000_000_000, nowMs: () => clock.ms }
  const now = (): number => clock.ms / 1_000
  const seen = { asked: [] as Bytes[], faults: [] as [string, PeerFault][], bound: [] as string[], refused: [] as string[], members: [{ operator: "alpha", key: alpha.verifier }, { operator: "beta", key: beta.verifier }] as Member[] }
  let serve: (from: string, body: Bytes) => Promise<Bytes> = () => Promise.reject(new Error("not served"))
  const hello = createHello({
    id: ME, signer: signer ?? undefined, crypto: nobleCrypto, clock, members: () => seen.members,
    transport: {
      request(_peer, protocol, body) {
        expect(protocol).toBe(HELLO_PROTOCOL)
        seen.asked.push(body)
        return Promise.resolve().then(answer)
      },
      serve(_protocol, _options, handle) {
        serve = handle
      },
    },
    report: (peer, fault) => void seen.faults.push([peer, fault]),
    onBound: (_, operator) => void seen.bound.push(operator), onRefused: (_, why) => void seen.refused.push(why),
  })
  const yours = (more: { peerId?: string; days?: number } = {}): Bytes => utf8Encode(formatPeerBinding(beta, { peerId: more.peerId ?? YOU, expiresAtSeconds: now() + (more.days ?? 1) * DAY_S }))
  return { clock, now, seen, hello, yours, ask: (body: Bytes) => serve(YOU, body) }
}

describe("hello", () => {
  test("shows who this is, and learns who that is, from either side", async () => {
    const asking = world(() => asking.yours())
    await asking.hello.greet(YOU)
    expect([asking.hello.operatorOf(YOU), asking.hello.operatorOf(ME), asking.seen.bound]).toEqual(["beta", undefined, ["beta"]])
    expect(utf8Decode(asking.seen.asked[0] as Bytes)).toContain(`vouchsafe-peer/v1\nalpha.example/log\n${ME}\n`)
    const asked = world()
    expect(utf8Decode(await asked.ask(asked.yours()))).toContain("vouchsafe-peer/v1\nalpha.example/log\n")
    expect(asked.hello.operatorOf(YOU)).toBe("beta")
  })
  test("a stranger shows nothing and is none the worse for it", async () => {
    const { hello, seen } = world(undefined, null)
    await hello.greet(YOU)
    expect([hello.operatorOf(YOU), seen.asked.map(({ length }) => length), seen.faults, seen.refused]).toEqual([undefined, [0], [], []])
  })
  test("an operator ends with the binding, and with its place in the roster", async () => {
    const { clock, hello, seen, yours, ask } = world()
    await ask(yours())
    clock.ms += DAY_S * 1_000
    expect(hello.operatorOf(YOU)).toBeUndefined()
    await ask(yours())
    expect(hello.operatorOf(YOU)).toBe("beta")
    seen.members.pop()
    expect(hello.operatorOf(YOU)).toBeUndefined()
  })
  test.each<{ name: string; body: (w: ReturnType<typeof world>) => Bytes; faults: PeerFault[]; says: string }>([
    { name: "another peer's", body: ({ yours }) => yours({ peerId: ME }), faults: [], says: "which shows it" },
    { name: "one that is over", body: ({ yours }) => yours({ days: -1 }), faults: [], says: "was over" },
    { name: "one that is good for ever", body: ({ yours }) => yours({ days: 30 }), faults: [], says: "at most" },
    { name: "one of a roster that we do not know", body: ({ now }) => utf8Encode(formatPeerBinding(signerFromSeed("x.example/log", KEY_TYPE.ed25519, randomBytes(32)), { peerId: YOU, expiresAtSeconds: now() + 60 })), faults: [], says: "no member" },
    { name: "rubbish", body: () => utf8Encode("rubbish"), faults: ["malformed"], says: "newline" },
    { name: "no text at all", body: () => Uint8Array.of(0xff, 0xfe), faults: ["malformed"], says: "UTF-8" },
    { name: "another note", body: () => utf8Encode(signNote(beta, "hello\n")), faults: ["malformed"], says: "begins with" },
  ])("$name makes a stranger, also of who was known before", async ({ body, faults, says }) => {
    const it = world()
    await it.ask(it.yours())
    await it.ask(body(it))
    expect([it.hello.operatorOf(YOU), it.seen.faults.map(([, fault]) => fault), it.seen.refused]).toEqual([undefined, faults, [expect.stringContaining(says)]])
  })
  test("who does not answer stays a stranger and is asked again, not at once", async () => {
    const { clock, hello, seen } = world(() => { throw new VouchsafeError("TIMEOUT", "no answer") })
    await hello.greet(YOU)
    hello.renew([YOU])
    expect([seen.asked.length, seen.refused]).toEqual([1, ["no answer"]])
    clock.ms += 5 * 60_000
    hello.renew([YOU])
    expect([seen.asked.length, seen.faults]).toEqual([2, []])
  })
  test("bindings are renewed: one's own at half of its time, or when the clock went back, and others' before their end", async () => {
    const { clock, hello, seen, yours, ask } = world()
    const mine = async (): Promise<string> => utf8Decode(await ask(new Uint8Array()))
    const first = await mine()
    clock.ms += 1.4 * DAY_S * 1_000
    expect(await mine()).toBe(first)
    clock.ms += 0.2 * DAY_S * 1_000
    const second = await mine()
    expect(second).not.toBe(first)
    clock.ms -= 30 * DAY_S * 1_000
    expect(await mine()).not.toBe(second)
    await ask(yours({ days: 3 }))
    hello.renew([YOU])
    expect(seen.asked).toHaveLength(0)
    clock.ms += 2.5 * DAY_S * 1_000
    hello.renew([YOU])
    expect(seen.asked).toHaveLength(1)
  })
})
