import { LOOKALIKE_KINDS } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createNames, levelOf, type NameList, shippedNames, USED_NAMES_MAX } from "../src/index.ts"

const names = createNames()

describe("ways to resemble", () => {
  test.each([
    { name: "a letter left out", asked: "lodsh", target: "lodash", kind: "edit" },
    { name: "a letter twice", asked: "loddash", target: "lodash", kind: "edit" },
    { name: "two letters swapped", asked: "lodahs", target: "lodash", kind: "edit" },
    { name: "three letters in another order", asked: "rceat", target: "react", kind: "edit" },
    { name: "the neighbour's key", asked: "exptess", target: "express", kind: "edit" },
    { name: "any letter beside a word that stays", asked: "buffer-xqr", target: "buffer-xor", kind: "edit" },
    { name: "a separator left out", asked: "crossenv", target: "cross-env", kind: "separator" },
    { name: "another separator", asked: "node.fetch", target: "node-fetch", kind: "separator" },
    { name: "a digit for a letter", asked: "l0dash", target: "lodash", kind: "digit" },
    { name: "two letters for one", asked: "cornmander", target: "commander", kind: "homoglyph" },
    { name: "a letter of another script", asked: "l\u043edash", target: "lodash", kind: "homoglyph" },
    { name: "a letter with an accent", asked: "lod\u00e1sh", target: "lodash", kind: "homoglyph" },
    { name: "an invisible letter", asked: "lod\u200bash", target: "lodash", kind: "homoglyph" },
    { name: "upper case", asked: "Lodash", target: "lodash", kind: "homoglyph" },
    { name: "upper case and a slip", asked: "Lodahs", target: "lodash", kind: "edit" },
    { name: "an s added", asked: "expresss", target: "express", kind: "plural" },
    { name: "an empty word behind", asked: "express-js", target: "express", kind: "affix" },
    { name: "an empty word before, glued", asked: "nodeexpress", target: "express", kind: "affix" },
    { name: "empty words on both sides", asked: "node-express-lib", target: "express", kind: "affix" },
    { name: "the ending of a program", asked: "express.exe", target: "express", kind: "affix" },
    { name: "another empty word", asked: "discord-node", target: "discord.js", kind: "affix" },
    { name: "words in another order", asked: "env-cross", target: "cross-env", kind: "order" },
    { name: "a scope as a word", asked: "types-express", target: "@types/express", kind: "scope" },
    { name: "a scope left out", asked: "opentelemetry-core", target: "@opentelemetry/core", kind: "scope" },
    { name: "a family's name without its scope", asked: "client-sts", target: "@aws-sdk/client-sts", kind: "scope" },
    { name: "a scope one slip away", asked: "@bable/core", target: "@babel/core", kind: "edit" },
    { name: "a scope of the package's own name", asked: "@lodash/lodash", target: "lodash", kind: "scope" },
  ])("$name: $asked", ({ asked, target, kind }) => {
    expect(names.isPopular(target)).toBe(true)
    expect(names.lookalike(asked)).toEqual({ target, kind })
  })

  test.each([
    { name: "a popular name", asked: "lodash" },
    { name: "popular names that are near each other", asked: "preact" },
    { name: "a word that people choose", asked: "emitter" },
    { name: "another family's short word", asked: "eslint-config-txo-typescript" },
    { name: "another letter in a name of one word", asked: "xastscript" },
    { name: "a scoped fork", asked: "@acme/source-map-support" },
    { name: "declarations of types", asked: "@types/left-pad" },
    { name: "one word of a family", asked: "linewrap" },
    { name: "a sibling in a scope", asked: "@aws-sdk/client-s4" },
    { name: "nothing", asked: "" },
    { name: "too long", asked: `lodash${"-".repeat(300)}` },
    { name: "no name at all", asked: "@/" },
    { name: "a member of every object", asked: "__proto__" },
  ])("no resemblance: $name", ({ asked }) => expect(names.lookalike(asked)).toBeNull())
})

describe("lists", () => {
  const list: NameList = { day: "2026-11-23", names: [{ name: "fence-posts", level: levelOf(5_000_000) }, { name: "little-known", level: levelOf(10_000) }] }

  test("another list is what counts", () => {
    const own = createNames({ list })
    expect([own.isPopular("fence-posts"), own.isPopular("lodash")]).toEqual([true, false])
    expect(own.lookalike("fence-psots")).toEqual({ target: "fence-posts", kind: "edit" })
    expect(own.lookalike("lodahs")).toBeNull()
  })

  test("popularity decides what is worth being taken for", () => {
    const own = createNames({ list })
    expect(own.lookalike("fenceposts")).toEqual({ target: "fence-posts", kind: "separator" })
    expect(own.lookalike("littleknown")).toBeNull()
  })

  test("names in use are compared with, and are no lookalikes", () => {
    const own = createNames({ used: ["acme-widgets", "lodahs"] })
    expect(own.lookalike("acme-wigdets")).toEqual({ target: "acme-widgets", kind: "edit" })
    expect(own.lookalike("lodahs")).toBeNull()
    expect(own.isPopular("acme-widgets")).toBe(false)
    expect(names.lookalike("acme-wigdets")).toBeNull()
    expect(() => createNames({ used: Array.from({ length: USED_NAMES_MAX + 1 }, (_, i) => `name-${i}`) })).toThrow(RangeError)
  })

  test("no popular name is a lookalike", () => {
    expect(shippedNames().names.filter(({ name }) => names.lookalike(name) !== null)).toEqual([])
  })

  test("any text gets an answer", () => {
    const odd = ["", "@", "/", "@/", "\u0000", "\ud800", "\u202e", "\u0430", "-", "..", "%2f", "\n", "a".repeat(150), "1", "rn"]
    const every = shippedNames().names.filter((_, at) => at % 100 === 0)
    for (const [at, { name }] of every.entries()) {
      for (const put of odd) {
        const cut = (at * 7) % (name.length + 1)
        const found = names.lookalike(name.slice(0, cut) + put + name.slice(cut + at % 2))
        if (found === null) continue
        expect(names.isPopular(found.target)).toBe(true)
        expect(LOOKALIKE_KINDS).toContain(found.kind)
      }
    }
  })
})
