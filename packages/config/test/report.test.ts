import { describe, expect, test } from "vitest"
import { failure, formatTable, readReport, sum, summaryLine } from "../src/run/index.ts"

const passed = { status: "passed", fullName: "a b", failureMessages: [] }
const failed = { status: "failed", fullName: "a c", failureMessages: ["expected 1, found 2\n    at a.ts:1"] }
const report = (...testResults: unknown[]): string => JSON.stringify({ numTotalTests: 99, numPassedTests: 99, success: true, testResults })
const file = (status: string, assertionResults: unknown[], message = ""): unknown => ({ name: "a.test.ts", status, message, assertionResults })

test("counts the tests and not the totals", () => {
  const text = report(
    file("failed", [passed, passed, failed]),
    file("passed", [passed, { status: "skipped" }, { status: "pending" }, { status: "todo" }, { status: "disabled" }]),
  )
  expect(readReport(text)).toEqual({ passed: 3, failed: 1, skipped: 4, failures: ["a c: expected 1, found 2"] })
})

describe("never calls green", () => {
  test.each<{ name: string, text: string, says: string }>([
    { name: "an empty report", text: "", says: "not vitest's JSON" },
    { name: "a report cut off", text: report(file("passed", [passed])).slice(0, -2), says: "not vitest's JSON" },
    { name: "another JSON", text: "[]", says: "not vitest's JSON" },
    { name: "null", text: "null", says: "not vitest's JSON" },
    { name: "a report without results", text: '{"success":true,"testResults":{}}', says: "not vitest's JSON" },
    { name: "a report without files", text: report(), says: "no test file" },
    { name: "a file without tests", text: report(file("passed", [])), says: "a.test.ts: holds no test" },
    { name: "a file that is no object", text: report(1), says: "a file without tests" },
    { name: "a file that did not load", text: report(file("failed", [], "cannot find module\nmore")), says: "a.test.ts: cannot find module" },
    { name: "a file whose hook threw", text: report(file("failed", [passed])), says: "failed outside of its tests" },
    { name: "a file of another status", text: report(file("running", [passed])), says: "failed outside of its tests" },
    { name: "a test of another status", text: report(file("failed", [{ status: "running", fullName: "a d" }])), says: "a d: running" },
    { name: "a test that is no object", text: report(file("failed", [null])), says: "no object" },
  ])("$name", ({ text, says }) => {
    const count = readReport(text)
    expect(count.failed).toBe(1)
    expect(count.failures).toEqual([expect.stringContaining(says)])
  })
})

test("the summary is one line with the three sums", () => {
  const count = sum([readReport(report(file("passed", [passed, { status: "skipped" }]))), failure("build: exit status 1")])
  expect(summaryLine(count)).toBe("1 passed, 1 failed, 1 skipped")
})

test("the table has a row a package", () => {
  expect(formatTable([["core", readReport(report(file("passed", [passed])))], ["test-e2e", failure("a")]])).toBe([
    "          passed  failed  skipped",
    "core           1       0        0",
    "test-e2e       0       1        0",
  ].join("\n"))
})
