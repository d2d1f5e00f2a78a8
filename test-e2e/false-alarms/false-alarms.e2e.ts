import { createNames } from "@vouchsafe/names"
import { npmPurl } from "@vouchsafe/core"
import { writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { recordedHistories } from "./histories.ts"
import { recordedLockfiles } from "./lockfiles.ts"
import { everythingObserved } from "./network.ts"
import { formatReport, type ProjectReport, reportOn, type Report, summaryOf } from "./report.ts"

/** Share of entries that may be refused. */
const REFUSED_SHARE_MAX = 0.005
const NOW = Date.parse("2026-11-23T12:00:00Z") / 1_000

/** Why a refusal of an honest entry stands, by place: none does at the moment, and a new one has to be argued for here. */
const JUSTIFIED: Readonly<Record<string, string>> = {}

const LOCKFILES = recordedLockfiles()
let projects: readonly ProjectReport[] = []
let report: Report

beforeAll(async () => {
  const purls = new Set(LOCKFILES.flatMap(({ lockfile }) => lockfile.entries.filter(({ kind }) => kind === "registry").map((entry) => entry.purl ?? npmPurl(entry.name, entry.version))))
  const histories = await recordedHistories(purls)
  const network = everythingObserved(createNames(), histories)
  projects = LOCKFILES.map((recorded) => reportOn(recorded, network, new Set(histories.keys()), NOW))
  report = summaryOf(projects)
})

afterAll(() => {
  process.stderr.write(`${formatReport(report)}\n`)
  const path = process.env["VOUCHSAFE_FALSE_ALARMS_JSON"]
  if (path !== undefined) writeFileSync(path, `${JSON.stringify({ ...report, justified: JUSTIFIED }, null, 2)}\n`)
})

describe.each(LOCKFILES)("$project", ({ project, lockfile, keys }) => {
  const own = (): ProjectReport => projects.find((one) => one.project === project) as ProjectReport

  test("every entry of the manager's own document is listed, and no other", () => {
    expect(keys.length).toBeGreaterThan(50)
    expect(lockfile.entries.map(({ where }) => where).sort()).toEqual(keys)
  })

  test("what the manager fetches from a registry is judged; folders of the project are nobody's business", () => {
    const { byKind, judged, refused } = own()
    expect(judged).toBe(byKind["registry"])
    expect(judged).toBeGreaterThan(50)
    for (const { kind, where } of lockfile.entries) if (["link", "workspace", "patch"].includes(kind)) expect(refused.map((one) => one.where)).not.toContain(where)
  })

  test("under recommended nothing is refused without a reason that stands", () => {
    expect(own().refused.filter(({ where }) => JUSTIFIED[where] === undefined)).toEqual([])
  })
})

test("of all entries at most one in two hundred is refused, and histories are among what was judged", () => {
  expect(report.entries).toBeGreaterThan(2_000)
  expect(report.share).toBeLessThanOrEqual(REFUSED_SHARE_MAX)
  expect(projects.reduce((sum, { recorded }) => sum + recorded, 0)).toBeGreaterThan(0)
})

test("the same network refuses what it should: a yardstick that refuses nothing would show nothing", () => {
  const [first] = LOCKFILES
  if (first === undefined) throw new Error("no lockfile is recorded")
  const place = { version: "1.0.0", kind: "registry", optional: false, dev: false, integrity: first.lockfile.entries.find(({ integrity }) => integrity !== undefined)?.integrity as string } as const
  const entries = [
    { ...place, name: "lodahs", purl: npmPurl("lodahs", "1.0.0"), where: "node_modules/lodahs" },
    { name: "elsewhere", version: "", kind: "git", optional: false, dev: false, resolved: "git+ssh://git@git.example/a/elsewhere.git#0123456", where: "node_modules/elsewhere" } as const,
  ]
  const { refused, allowed } = reportOn({ project: "planted", lockfile: { ...first.lockfile, entries }, keys: entries.map(({ where }) => where) }, everythingObserved(createNames(), new Map()), new Set(), NOW)
  expect(allowed).toBe(0)
  expect(refused.map(({ code }) => code).sort()).toEqual(["EXOTIC_SOURCE", "LOOKALIKE_NAME"])
})
