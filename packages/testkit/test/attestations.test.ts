import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type FakeRegistry, startRegistry, type TamperRule } from "../src/registry/index.ts"

const TYPE = "https://slsa.dev/provenance/v1"
const documentOf = (word: string) => ({ attestations: [{ predicateType: TYPE, bundle: { dsseEnvelope: { payload: word, signatures: [{ sig: "MEUCIQDjkdI8FSIueIjj2gR8wCWf" }] } } }] })
const ONE = documentOf("one")
const TWO = documentOf("two")
const SIGNATURES = [{ keyid: "SHA256:x", sig: "AAAA" }]

let registry: FakeRegistry
beforeEach(async () => {
  registry = await startRegistry({
    packages: [{ name: "@s/x", version: "1.0.0" }, { name: "@s/x", version: "1.1.0" }, { name: "plain", version: "1.0.0", dist: { signatures: SIGNATURES } }],
    attestations: { "@s/x@1.0.0": ONE, "@s/x@1.1.0": TWO }, signatures: { "@s/x@1.0.0": SIGNATURES },
  })
})
afterEach(() => registry.close())

const dist = async (name: string, version: string): Promise<Record<string, unknown>> => {
  const doc = await (await fetch(`${registry.url}${name.replace("/", "%2f")}`)).json() as { versions: Record<string, { dist: Record<string, unknown> }> }
  return doc.versions[version]?.dist ?? {}
}
const answer = async (spec: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${registry.url}-/npm/v1/attestations/${spec}`)
  return { status: response.status, text: await response.text() }
}

test("announces what it has, as the public registry does, and answers it", async () => {
  expect(await dist("@s/x", "1.0.0")).toMatchObject({ signatures: SIGNATURES, attestations: { url: `${registry.url}-/npm/v1/attestations/@s/x@1.0.0`, provenance: { predicateType: TYPE } } })
  expect(await answer("@s/x@1.0.0")).toEqual({ status: 200, text: JSON.stringify(ONE) })
  expect(await answer("@s%2fx@1.1.0")).toEqual({ status: 200, text: JSON.stringify(TWO) })
  expect(await dist("plain", "1.0.0")).toMatchObject({ signatures: SIGNATURES })
  expect(await dist("plain", "1.0.0")).not.toHaveProperty("attestations")
  for (const spec of ["plain@1.0.0", "constructor@1.0.0", "@s/x@9.0.0"]) expect((await answer(spec)).status).toBe(404)
})

describe("lies", () => {
  const lie = (mode: TamperRule["mode"], more: Partial<TamperRule> = {}): void => registry.tamper([{ name: "@s/x", version: "1.0.0", mode, ...more }])
  test("drop: nothing announced, nothing there", async () => {
    lie("drop-attestations")
    expect(await dist("@s/x", "1.0.0")).not.toHaveProperty("attestations")
    expect((await answer("@s/x@1.0.0")).status).toBe(404)
    expect((await answer("@s/x@1.1.0")).status).toBe(200)
  })
  test("lose: announced, and not there", async () => {
    lie("lose-attestations")
    expect(await dist("@s/x", "1.0.0")).toHaveProperty("attestations")
    expect((await answer("@s/x@1.0.0")).status).toBe(404)
  })
  test("swap: another version's", async () => {
    lie("swap-attestations", { other: "@s/x@1.1.0" })
    expect((await answer("@s/x@1.0.0")).text).toBe(JSON.stringify(TWO))
  })
  test("corrupt: every signature is another one", async () => {
    lie("corrupt-attestations")
    const { text } = await answer("@s/x@1.0.0")
    expect(text).not.toBe(JSON.stringify(ONE))
    expect(text).toHaveLength(JSON.stringify(ONE).length)
  })
  test("cut: half of the document", async () => {
    lie("cut-attestations")
    expect((await answer("@s/x@1.0.0")).text).toBe(JSON.stringify(ONE).slice(0, JSON.stringify(ONE).length / 2))
  })
  test("the tarball stays honest", async () => {
    const bytes = async () => Buffer.from(await (await fetch(`${registry.url}@s/x/-/x-1.0.0.tgz`)).arrayBuffer())
    const honest = await bytes()
    lie("swap-attestations", { other: "@s/x@1.1.0" })
    expect((await bytes()).equals(honest)).toBe(true)
  })
})
