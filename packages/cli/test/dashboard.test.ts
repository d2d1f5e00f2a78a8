// The dashboard and the alerts of examples/own-node against the metrics that a real node serves.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startRegistry } from "@vouchsafe/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parse } from "yaml"
import { EXIT } from "../src/index.ts"
import { readNetwork } from "../src/network/local.ts"
import { ensureBuilt } from "./support/built.ts"
import { environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const EXAMPLE = new URL("../../../examples/own-node/", import.meta.url)
const example = (name: string): string => readFileSync(new URL(name, EXAMPLE), "utf8")

interface Panel {
  readonly id: number
  readonly title?: string
  readonly description?: string
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
  readonly targets?: readonly { readonly expr: string }[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

const dashboard = JSON.parse(example("grafana-dashboard.json")) as { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] } }
const rules = (parse(example("alerts.yml")) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules)
/** Units of the panels, as Grafana names them. */
const UNITS = ["short", "s", "ops", "reqps", "bytes", "percentunit"]
/** What Prometheus adds to what it scrapes. */
const OWN_LABELS = ["job", "instance", "le"]

/** Series names of a metrics page, with the labels that each has there; null where no sample says. */
function seriesIn(text: string): ReadonlyMap<string, ReadonlySet<string> | null> {
  const series = new Map<string, Set<string> | null>()
  for (const [, name = "", type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    for (const suffix of type === "histogram" ? ["_bucket", "_sum", "_count"] : [""]) series.set(`${name}${suffix}`, null)
  }
  for (const [, name = "", labels = ""] of text.matchAll(/^([a-z_]+)(?:\{([^}]*)\})? \S+$/gm)) {
    series.set(name, new Set([...series.get(name) ?? [], ...[...labels.matchAll(/([a-z_]+)="/g)].map(([, label]) => label as string)]))
  }
  return series
}

/** What an expression names that the page does not have. */
function unknownIn(expression: string, series: ReturnType<typeof seriesIn>): string[] {
  const bare = expression.replace(/"[^"]*"/g, '""')
  const unknown: string[] = []
  for (const [, name = "", selector = ""] of bare.matchAll(/\b(vouchsafe_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?/g)) {
    if (name === "up") continue
    const labels = series.get(name)
    if (labels === undefined) unknown.push(name)
    else if (labels !== null) for (const [, label = ""] of selector.matchAll(/([a-z_]+)\s*[=!]/g)) if (!labels.has(label) && !OWN_LABELS.includes(label)) unknown.push(`${name}{${label}}`)
  }
  return unknown
}

const folder = join(temporaryFolder(), "network")
let series: ReturnType<typeof seriesIn> = new Map()
let registry: Awaited<ReturnType<typeof startRegistry>> | undefined
beforeAll(async () => {
  ensureBuilt("node", "dist/bin.js")
  registry = await startRegistry({ packages: [{ name: "left", version: "1.0.0" }] })
  const env = environment(join(folder, "..", "home"), { npm_config_registry: registry.url })
  expect((await vouchsafe(join(folder, ".."), ["network", "up", "--nodes", "1", "--data", folder, "--allow-private-addresses"], { env })).status).toBe(EXIT.done)
  const url = readNetwork(folder).nodes[0]?.url as string
  const body = JSON.stringify({ format: "vouchsafe-evidence-request/v1", artifacts: [{ purl: "pkg:npm/left@1.0.0", registry: registry.url }], deadlineMs: 20_000, knownSize: 0, noticesFrom: 0 })
  expect((await fetch(`${url}v1/evidence`, { method: "POST", headers: { "content-type": "application/json" }, body })).status).toBe(200)
  series = seriesIn(await (await fetch(`${url}metrics`)).text())
}, 120_000)
// Registered here, not where the network starts: there it would be too late to be called.
afterAll(async () => {
  await vouchsafe(join(folder, ".."), ["network", "down", "--data", folder], { env: environment(join(folder, "..", "home")) })
  await registry?.close()
})

test("what is no metric of a node is found", () => {
  expect(unknownIn('rate(vouchsafe_nonsense_total{job="x"}[5m]) + vouchsafe_log_entries', series)).toEqual(["vouchsafe_nonsense_total"])
  expect(unknownIn('vouchsafe_http_answer_seconds_count{package="left",status="500"}', series)).toEqual(["vouchsafe_http_answer_seconds_count{package}"])
  expect(unknownIn("vouchsafe_http_answer_seconds", series)).toEqual(["vouchsafe_http_answer_seconds"])
})

describe("the dashboard", () => {
  test.each(dashboard.panels.map((panel) => [panel.title ?? `panel ${panel.id}`, panel] as const))("%s: title, unit, description, and metrics that a node serves", (_, panel) => {
    expect(panel.title).toMatch(/^[A-Z]/)
    expect(panel.description).toMatch(/\.$/)
    expect(UNITS).toContain(panel.fieldConfig?.defaults?.unit)
    expect(panel.targets?.length).toBeGreaterThan(0)
    for (const { expr } of panel.targets ?? []) {
      expect(expr).toContain("vouchsafe_")
      expect(unknownIn(expr, series)).toEqual([])
    }
  })
  test("panels have their own ids and titles; variables ask for metrics that are there", () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length)
    for (const { query } of dashboard.templating.list) expect(unknownIn(query, series)).toEqual([])
  })
})

describe("the alerts", () => {
  test.each(rules.map((rule) => [rule.alert, rule] as const))("%s: what it means, how urgent it is, and metrics that a node serves", (name, rule) => {
    expect(name).toMatch(/^Vouchsafe[A-Z]/)
    expect(rule.for).toMatch(/^[0-9]+m$/)
    expect(["page", "ticket"]).toContain(rule.labels.severity)
    expect(rule.annotations.summary.length).toBeGreaterThan(10)
    expect(rule.annotations.description.length).toBeGreaterThan(10)
    expect(unknownIn(rule.expr, series)).toEqual([])
  })
  test("are those that prometheus.yml loads, from the path and port at which a node serves", () => {
    const config = parse(example("prometheus.yml")) as { rule_files: string[]; scrape_configs: { metrics_path: string; static_configs: { targets: string[] }[] }[] }
    expect(config.rule_files).toEqual(["alerts.yml"])
    expect(config.scrape_configs[0]).toMatchObject({ metrics_path: "/metrics", static_configs: [{ targets: ["127.0.0.1:4790"] }] })
  })
})
