import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { UPSTREAM_CODES } from "../src/index.ts"

const DOCUMENT = readFileSync(join(import.meta.dirname, "../../spec/upstream.md"), "utf8")
/** First cells of the tables of codes. */
const named = [...DOCUMENT.slice(DOCUMENT.indexOf("## Codes")).matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|/gm)].flatMap(([, cell = ""]) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, code = ""]) => code))

test("the document names every code, and no other", () => {
  const whole = (code: string): boolean => /^(?:REGISTRY_SIGNATURE|ATTESTATIONS|PUBLISH|PROVENANCE)_/.test(code)
  const codes = named.flatMap((code) => (whole(code) ? [code] : [`PUBLISH_${code}`, `PROVENANCE_${code}`]))
  expect(codes.sort()).toEqual([...UPSTREAM_CODES])
})
