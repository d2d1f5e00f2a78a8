import { Ajv2020 } from "ajv/dist/2020.js"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { read, SPEC } from "./support.ts"

const names = readdirSync(join(SPEC, "schemas"))

describe.each(names)("%s", (name) => {
  const schema = JSON.parse(read(SPEC, "schemas", name)) as Record<string, unknown>

  test("is named by its document and compiles in strict mode", () => {
    expect(name).toMatch(/^[a-z-]+\.schema\.json$/)
    expect(schema["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema")
    const validate = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, validateFormats: false }).compile(schema)
    expect(validate({ "no such member": 1 })).toBe(false)
    expect(validate(null)).toBe(false)
    expect(validate([])).toBe(false)
  })

  test("refuses unknown members wherever it describes an object", () => {
    expect(openObjects(schema, "#")).toEqual([])
  })
})

test("every schema is named in a document, and every document's schema is there", () => {
  const documents = readdirSync(SPEC).filter((name) => name.endsWith(".md")).map((name) => read(SPEC, name)).join("\n")
  const cited = new Set([...documents.matchAll(/schemas\/([a-z-]+\.schema\.json)/g)].map(([, name]) => name))
  expect([...cited].sort()).toEqual([...names].sort())
})

/** Places of objects with listed members that let others pass. Maps with foreign keys say what their values are. */
function openObjects(value: unknown, at: string): string[] {
  if (typeof value !== "object" || value === null) return []
  if (Array.isArray(value)) return value.flatMap((item, i) => openObjects(item, `${at}/${i}`))
  const members = value as Record<string, unknown>
  const isOpen = members["type"] === "object" && "properties" in members && members["additionalProperties"] === undefined && members["unevaluatedProperties"] === undefined
  return [...(isOpen ? [at] : []), ...Object.entries(members).flatMap(([key, item]) => openObjects(item, `${at}/${key}`))]
}
