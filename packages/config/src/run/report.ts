/** How many tests ended how, and which failed. */
export interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What failed, one line each, for people. */
  readonly failures: readonly string[]
}

/** Nothing ran. */
export const NOTHING: Count = { passed: 0, failed: 0, skipped: 0, failures: [] }

/** One failure that is no test's own: a step, a missing report, a file that did not load. */
export function failure(message: string): Count {
  return { ...NOTHING, failed: 1, failures: [message] }
}

/** Sums counts. */
export function sum(counts: readonly Count[]): Count {
  return counts.reduce((a, b) => ({
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
  }), NOTHING)
}

/** The one line that every run ends with. */
export function summaryLine({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

const PASSED = "passed"
const FAILED = "failed"
/** vitest's words for a test that did not run. */
const NOT_RUN: ReadonlySet<unknown> = new Set(["skipped", "pending", "todo", "disabled"])

/**
 * Reads vitest's JSON report. It believes no total in it and counts the tests themselves.
 *
 * A file that failed without a failed test (it did not load, or a hook threw) counts as one failure, and so does
 * anything unexpected: a report that cannot be read is never a green one.
 */
export function readReport(text: string): Count {
  const files = filesOf(text)
  if (files === undefined) return failure("the report is not vitest's JSON")
  if (files.length === 0) return failure("the report holds no test file")
  return sum(files.map(readFile))
}

function filesOf(text: string): unknown[] | undefined {
  try {
    const report = JSON.parse(text) as unknown
    return isRecord(report) && Array.isArray(report["testResults"]) ? report["testResults"] : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function readFile(file: unknown): Count {
  if (!isRecord(file) || !Array.isArray(file["assertionResults"])) return failure("the report holds a file without tests")
  const counted = sum(file["assertionResults"].map(readTest))
  const loaded = file["status"] === PASSED || (file["status"] === FAILED && counted.failed > 0)
  if (!loaded) return sum([counted, failure(`${String(file["name"])}: ${firstLine(file["message"]) || "failed outside of its tests"}`)])
  if (file["assertionResults"].length === 0) return failure(`${String(file["name"])}: holds no test`)
  return counted
}

function readTest(test: unknown): Count {
  if (!isRecord(test)) return failure("the report holds a test that is no object")
  if (test["status"] === PASSED) return { ...NOTHING, passed: 1 }
  if (NOT_RUN.has(test["status"])) return { ...NOTHING, skipped: 1 }
  const messages = Array.isArray(test["failureMessages"]) ? test["failureMessages"] : []
  return failure(`${String(test["fullName"])}: ${firstLine(messages[0]) || String(test["status"])}`)
}

function firstLine(text: unknown): string {
  return typeof text === "string" ? text.split("\n", 1)[0] ?? "" : ""
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
