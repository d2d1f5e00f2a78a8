import { describe, expect, test } from "vitest"
import { formatNameList, levelOf, LIST_LENGTH_MAX, LIST_NAMES_MAX, parseNameList, shippedNames } from "../src/index.ts"

const GOOD = "vouchsafe-names/v1\n2026-11-23\n0700@acme/fence\n6650gate\n0800lodash\n"

const malformed = (says: string) => expect.objectContaining({ code: "NAMES_MALFORMED", message: expect.stringContaining(says) })

/** The text of what was read; the text itself where it is refused as it should be. */
function writtenBack(text: string): string {
  try {
    return formatNameList(parseNameList(text))
  } catch (error) {
    expect(error).toEqual(malformed("list of names"))
    return text
  }
}

describe("the list's text", () => {
  test("what it says", () => {
    expect(parseNameList(GOOD)).toEqual({ day: "2026-11-23", names: [{ name: "@acme/fence", level: 700 }, { name: "@acme/gate", level: 650 }, { name: "lodash", level: 800 }] })
  })

  test.each([
    { name: "empty", text: "", says: "line 1" },
    { name: "another format", text: GOOD.replace("/v1", "/v2"), says: "line 1" },
    { name: "a space behind the format", text: GOOD.replace("/v1", "/v1 "), says: "line 1" },
    { name: "no day", text: "vouchsafe-names/v1\n", says: "line 2 (day)" },
    { name: "a day that is none", text: GOOD.replace("11-23", "13-23"), says: "line 2 (day)" },
    { name: "no names", text: "vouchsafe-names/v1\n2026-11-23\n", says: "0 names" },
    { name: "no final newline", text: GOOD.slice(0, -1), says: "no newline" },
    { name: "an empty line at the end", text: `${GOOD}\n`, says: "line 6" },
    { name: "carriage returns", text: GOOD.replaceAll("\n", "\r\n"), says: "line 1" },
    { name: "a level of two digits", text: GOOD.replace("0800", "080"), says: "line 5" },
    { name: "a level with a sign", text: GOOD.replace("0800", "0+80"), says: "line 5" },
    { name: "a shared length in upper case", text: GOOD.replace("6650", "A650"), says: "line 4" },
    { name: "less shared than there is", text: GOOD.replace("6650gate", "5650/gate"), says: "line 4 shares 5 letters with the name before, expected 6" },
    { name: "more shared than there is", text: GOOD.replace("6650gate", "z650zate"), says: "line 4 shares 35" },
    { name: "out of order", text: GOOD.replace("0800lodash", "0800@a"), says: "line 5" },
    { name: "a name twice", text: GOOD.replace("0800lodash", "a800"), says: "line 5" },
    { name: "a name that is no package's", text: GOOD.replace("lodash", "lo/dash"), says: "line 5 gives no name" },
    { name: "a path", text: GOOD.replace("lodash", "../lodash"), says: "line 5 gives no name" },
    { name: "a letter that is not ASCII", text: GOOD.replace("lodash", "l\u043edash"), says: "line 5" },
    { name: "a name too long", text: GOOD.replace("lodash", "l".repeat(215)), says: "line 5 gives no name" },
    { name: "a merge conflict", text: GOOD.replace("0800", "<<<<<<< ours\n0800"), says: "line 5" },
    { name: "too long", text: `${GOOD}${"0800z\n".repeat(LIST_LENGTH_MAX)}`, says: "characters" },
    { name: "too many names", text: `vouchsafe-names/v1\n2026-11-23\n${"0800z\n".repeat(LIST_NAMES_MAX + 1)}`, says: "names, expected" },
  ])("refuses: $name", ({ text, says }) => expect(() => parseNameList(text)).toThrow(malformed(says)))

  test.each([
    { name: "a day that is none", list: { day: "today", names: [{ name: "a", level: 1 }] }, says: "day" },
    { name: "a name twice", list: { day: "2026-11-23", names: [{ name: "a", level: 1 }, { name: "a", level: 2 }] }, says: "twice" },
    { name: "a level too high", list: { day: "2026-11-23", names: [{ name: "a", level: 1_000 }] }, says: "level" },
    { name: "no name", list: { day: "2026-11-23", names: [{ name: "a b", level: 1 }] }, says: "no name" },
  ])("writes no list with $name", ({ list, says }) => expect(() => formatNameList(list)).toThrow(malformed(says)))

  test("is read back as it was written", () => {
    const text = formatNameList(shippedNames())
    expect(parseNameList(text)).toEqual(shippedNames())
    expect(formatNameList({ day: "2026-11-23", names: [...shippedNames().names].reverse() })).toBe(text)
  })

  test("every letter changed or left out: no other spelling of a list is one", () => {
    const changed = [...GOOD].flatMap((_, at) => ["", "0", "a", "@", "\n", " ", "Z", "\u0000"].map((put) => GOOD.slice(0, at) + put + GOOD.slice(at + 1)))
    for (const text of changed) expect(writtenBack(text)).toBe(text)
  })

  test("levels", () => {
    expect([1, 10, 1_000_000, 2_399_072_936].map(levelOf)).toEqual([0, 100, 600, 938])
    for (const downloads of [0, -1, 1.5, Number.NaN]) expect(() => levelOf(downloads)).toThrow(RangeError)
  })

  test("the shipped one", () => {
    expect(shippedNames().names).toHaveLength(20_000)
    expect(formatNameList(shippedNames()).length).toBeLessThan(LIST_LENGTH_MAX)
  })
})
