/** Rows 6, 15, 16: many releases at once. @packageDocumentation */
import type { Case, Release, Row } from "../types.ts"
import { before, DAY, FRESH, HOUR, payload, release, runOf, tagged, TWIN_AGE, uncommitted } from "./parts.ts"

const LINES: readonly (readonly [string, string])[] = [["0.7.28", "0.7.29"], ["0.8.0", "0.8.1"], ["1.0.0", "1.0.1"], ["2.0.0", "2.0.1"]]
const SECONDS_APART = 20

/** The real ones carried an install script as well, which row 3 is about; here the payload waits to be used. Four release lines that begin on days of their own, and later releases of all within a minute. */
function threeMajors(name: string, repository: string, ageSeconds: number, isAttack: boolean): Release[] {
  const first = LINES.map(([version], i) => release(name, version, (800 - 100 * i) * DAY, tagged(repository)))
  // An honest project that releases its lines together has done so before.
  const habit = isAttack ? [] : [["0.7.29", "0.8.1", "1.0.1", "2.0.1"], ["0.7.30", "0.8.2", "1.0.2", "2.0.2"]].flatMap((versions, round) => versions.map((version, i) => release(name, version, (400 - 100 * round) * DAY - i * SECONDS_APART, tagged(repository))))
  const bad = isAttack ? { ...uncommitted(repository), main: payload("row 6") } : { ...tagged(repository), main: "module.exports = 'fixed'\n" }
  const last = isAttack ? ["0.7.29", "0.8.1", "1.0.1"] : ["0.7.31", "0.8.3", "1.0.3", "2.0.3"]
  return [...first, ...habit, ...last.map((version, i) => release(name, version, ageSeconds - i * SECONDS_APART, bad))]
}

const UA_PARSER: Row = {
  number: 6, title: "ua-parser-js, coa, rc 2021: hijacked accounts", payload: "import", expected: [["PUBLISH_BURST"], ["SOURCE_NOT_FOUND"]],
  attack: { releases: threeMajors("@replay/ua-parser", "ua-parser", 3 * HOUR, true), dependencies: { "@replay/ua-parser": "^1.0.0" }, judged: ["@replay/ua-parser@1.0.1"] },
  twin: { releases: threeMajors("@replay/ua-parser-twin", "ua-parser-twin", TWIN_AGE, false), dependencies: { "@replay/ua-parser-twin": "^1.0.0" }, judged: ["@replay/ua-parser-twin@1.0.3"] },
  honest: "fixes all release lines within a minute as well: it always did, and each release has its tag",
}

interface Burst {
  readonly scope: string
  readonly repository: string
  readonly count: number
  readonly ageSeconds: number
  readonly last: Partial<Release>
  readonly earlier: Partial<Release>
  /** Releases of the whole family at once, before. */
  readonly rounds: number
}

const nameOf = (scope: string, i: number): string => `${scope}/part-${String(i).padStart(2, "0")}`

/** A family of packages, all released within minutes. Others had the first ones before; the last is what the victim asks for. */
function family({ scope, repository, count, ageSeconds, last, earlier, rounds }: Burst): Case {
  const names = Array.from({ length: count }, (_, i) => nameOf(scope, i))
  const releases = names.flatMap((name, i) => {
    const tag = (version: string) => ({ source: { repository, isCommitted: true, tag: `${name}@${version}` } })
    // Without the habit they were released on days of their own.
    const alone = before(name, ["1.0.0", "1.0.1"], earlier, [(800 - i) * DAY, (300 - 2 * i) * DAY]).map((one) => ({ ...one, ...(earlier.run === undefined ? tag(one.version) : {}) }))
    const together = Array.from({ length: rounds }, (_, round) => release(name, `1.1.${round}`, (150 - 40 * round) * DAY - 2 * i, { ...earlier, ...(earlier.run === undefined ? tag(`1.1.${round}`) : {}) }))
    const own = last.source?.isCommitted === true ? tag("1.2.0") : {}
    return [...alone, ...together, release(name, "1.2.0", ageSeconds - 2 * i, { ...last, ...own })]
  })
  const judged = names[count - 1] as string
  return { releases, dependencies: { [judged]: "^1.0.0" }, judged: [`${judged}@1.2.0`], seenBefore: names.slice(0, -1).map((name) => `${name}@1.2.0`) }
}

const CHALKS = 18
const CHALK: Row = {
  number: 15, title: "chalk/debug Sep 2025: phish, browser payload", payload: "import", expected: [["PUBLISH_BURST"], ["SOURCE_NOT_FOUND"]],
  attack: family({ scope: "@replay-chalk", repository: "chalk", count: CHALKS, ageSeconds: 2 * HOUR, rounds: 0, earlier: {}, last: { ...uncommitted("chalk"), main: payload("row 15") } }),
  twin: family({ scope: "@replay-chalk-twin", repository: "chalk-twin", count: CHALKS, ageSeconds: TWIN_AGE, rounds: 0, earlier: { run: runOf("chalk-twin") }, last: { run: runOf("chalk-twin"), main: "module.exports = 'new'\n" } }),
  honest: "a monorepo that releases 18 packages within a minute for the first time, with provenance",
}

const WORM_PACKAGES = 50
const BUNDLE = { manifest: { scripts: { postinstall: "node bundle.js" } } }
const WORM: Row = {
  number: 16, title: "Shai-Hulud Sep/Nov 2025, AntV May 2026: worm", payload: "script", expected: [["PUBLISH_BURST"], ["NEW_INSTALL_SCRIPT"]],
  attack: family({ scope: "@replay-antv", repository: "antv", count: WORM_PACKAGES, ageSeconds: FRESH, rounds: 0, earlier: {}, last: { ...uncommitted("antv"), ...BUNDLE, files: { "bundle.js": payload("row 16") } } }),
  twin: family({
    scope: "@replay-antv-twin", repository: "antv-twin", count: WORM_PACKAGES, ageSeconds: TWIN_AGE, rounds: 3, earlier: { ...BUNDLE, files: { "bundle.js": "console.log(1)\n" } },
    last: { ...tagged("antv-twin"), ...BUNDLE, files: { "bundle.js": "console.log(2)\n" } },
  }),
  honest: "fifty packages that are released together, as they always were; each had its hook before and has its tag",
}

export const BURSTS: readonly Row[] = [UA_PARSER, CHALK, WORM]
