import { formatNameList, shippedNames } from "@vouchsafe/names"
import { expect, test } from "vitest"
import { createCurrentNames } from "../src/names/current.ts"

const SHIPPED = shippedNames().day
const listOf = (day: string): string => formatNameList({ day, names: [{ name: "fence-posts", level: 700 }] })

function world() {
  const said: unknown[] = []
  const names = createCurrentNames({ info: (facts: unknown) => { said.push(facts) }, warn: (facts: unknown) => { said.push(facts) } } as unknown as Parameters<typeof createCurrentNames>[0])
  return { names, said }
}

test("the shipped list, until a verified one is newer", () => {
  const { names, said } = world()
  expect([names.status(), names.lookalike("lodahs")]).toEqual([{ day: SHIPPED, from: "shipped" }, { target: "lodash", kind: "edit" }])
  names.offer(undefined)
  names.offer(listOf("2099-01-01"))
  expect(names.status()).toEqual({ day: "2099-01-01", from: "roster" })
  expect([names.lookalike("lodahs"), names.lookalike("fence-psots")]).toEqual([null, { target: "fence-posts", kind: "edit" }])
  names.offer(listOf("2098-01-01"))
  expect(names.status().day).toBe("2099-01-01")
  expect(said).toHaveLength(1)
})

test.each([
  { name: "an older list", text: listOf("2001-01-01"), says: 0 },
  { name: "one of the same day", text: listOf(SHIPPED), says: 0 },
  { name: "nothing", text: "", says: 1 },
  { name: "another spelling", text: `${listOf("2099-01-01")}\n`, says: 1 },
  { name: "another format", text: "{}", says: 1 },
])("changes nothing: $name", ({ text, says }) => {
  const { names, said } = world()
  names.offer(text)
  names.offer(text)
  expect([names.status(), names.lookalike("lodahs")]).toEqual([{ day: SHIPPED, from: "shipped" }, { target: "lodash", kind: "edit" }])
  expect(said).toHaveLength(says)
})
