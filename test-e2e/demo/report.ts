import { describeRun, type Ran } from "../support/process.ts"

/** One expectation of a step, checked; all of a step's must hold. */
export interface Check {
  readonly what: string
  readonly holds: boolean
}

/** What a step found. */
export interface Found {
  readonly cameOut: string
  readonly checks: readonly Check[]
  /** The commands that decided, shown when something does not hold. */
  readonly ran: readonly Ran[]
}

export interface Report {
  /** Prints what was tried, what came out and what was expected. */
  step(tried: string, expected: string, act: () => Promise<Found>): Promise<void>
  /** Prints the last line and gives the exit status. */
  end(): number
}

const OUTPUT_SHOWN_MAX = 3_000

export function openReport(write: (text: string) => void): Report {
  let steps = 0
  let asExpected = 0
  return {
    async step(tried, expected, act) {
      steps += 1
      write(`\n${String(steps).padStart(2)}. ${tried}\n`)
      const started = performance.now()
      let found: Found = { cameOut: "it could not be tried", checks: [], ran: [] }
      let failed: string[]
      try {
        found = await act()
        failed = found.checks.filter((check) => !check.holds).map((check) => check.what)
        if (found.checks.length === 0) failed.push("a step that checks nothing shows nothing")
      } catch (error) {
        failed = [error instanceof Error ? error.message : String(error)]
      }
      if (failed.length === 0) asExpected += 1
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      write(`    came out: ${found.cameOut}\n    expected: ${expected}: ${failed.length === 0 ? "as expected" : "NOT AS EXPECTED"} (${seconds} s)\n`)
      if (failed.length === 0) return
      write(failed.map((what) => `    does not hold: ${what}\n`).join(""))
      for (const ran of found.ran) write(`${describeRun(ran).slice(-OUTPUT_SHOWN_MAX).replace(/^/gm, "      ")}\n`)
    },
    end() {
      write(`\ndemo: ${asExpected} of ${steps} as expected\n`)
      return asExpected === steps ? 0 : 1
    },
  }
}
