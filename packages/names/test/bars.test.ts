import { sharedPath } from "@vouchsafe/config/shared"
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { createNames, levelOf, shippedNames } from "../src/index.ts"

const names = createNames()

function rows(file: string): readonly (readonly string[])[] {
  return readFileSync(sharedPath("data", "names", file), "utf8").trimEnd().split("\n").map((line) => line.split("\t"))
}

describe("recorded names", () => {
  test("the shipped list says what the table says", () => {
    const table = rows("popular.tsv").map(([name = "", downloads]) => ({ name, level: levelOf(Number(downloads)) }))
    expect(shippedNames().names).toEqual(table.sort((a, b) => (a.name < b.name ? -1 : 1)))
  })

  test("of squatted names nine in ten lead to the name that they squat", () => {
    const squatted = rows("typosquats.tsv").slice(1).filter(([, target = ""]) => names.isPopular(target))
    const missed = squatted.filter(([name = "", target]) => names.lookalike(name)?.target !== target)
    expect(squatted.length).toBeGreaterThan(150)
    expect(missed.length / squatted.length, missed.map(([name]) => name).join(" ")).toBeLessThanOrEqual(0.1)
  })

  test("of a hundred honest pairs one at most is flagged", () => {
    const pairs = rows("benign-neighbors.tsv").slice(1)
    const flagged = pairs.filter(([name = "", neighbour = ""]) => names.lookalike(name) !== null || names.lookalike(neighbour) !== null)
    expect(pairs).toHaveLength(100)
    expect(flagged.length, flagged.map(([name]) => name).join(" ")).toBeLessThanOrEqual(1)
  })
})
