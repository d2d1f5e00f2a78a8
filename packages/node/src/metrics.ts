import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client"

/** What a node counts, served as Prometheus text at `/metrics`. Labels are closed sets: nothing foreign becomes a label. */
export interface Metrics {
  answered(route: string, status: number, seconds: number): void
  observed(outcome: "observed" | "absent" | "refused" | "failed", seconds: number): void
  cosigned(log: "log" | "notices", reached: boolean): void
  artifacts(status: string, count: number): void
  /** `outcome` is a level of agreement, or failed. */
  built(outcome: string, seconds: number): void
  trustRefreshed(outcome: "done" | "failed"): void
  /** Adds the figures that are read when somebody asks. Once. */
  watch(gauges: Gauges): void
  /** Adds one figure of a part of the node, read when somebody asks. */
  gauge(name: string, help: string, read: () => number): void
  /** Adds a count of a part of the node; the label's values must be a closed set. */
  counter(name: string, help: string, label: string): (value: string, count?: number) => void
  text(): Promise<string>
}

/** Current figures, read when somebody asks for them. */
export interface Gauges {
  readonly logSize: () => number
  readonly cosignedSize: () => number
  readonly noticesSize: () => number
  readonly noticesAgeSeconds: () => number
  readonly queued: () => number
  readonly observing: () => number
  readonly buildsQueued: () => number
  readonly buildsRunning: () => number
  /** +Infinity for roots of trust that do not age, 0 where there are none. */
  readonly trustSecondsLeft: () => number
}

const SECONDS_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60]
const BUILD_SECONDS_BUCKETS = [5, 15, 60, 180, 600, 1_800, 3_600]

/** Makes one node's metrics. Several nodes in one process do not share them. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, prefix: "vouchsafe_" })
  const answers = new Histogram({ name: "vouchsafe_http_answer_seconds", help: "time to answer by route and status", labelNames: ["route", "status"], buckets: SECONDS_BUCKETS, registers })
  const observations = new Histogram({ name: "vouchsafe_observation_seconds", help: "time of one observation by outcome", labelNames: ["outcome"], buckets: SECONDS_BUCKETS, registers })
  const cosignings = new Counter({ name: "vouchsafe_cosignings_total", help: "rounds of asking the witnesses, by whether the quorum was reached", labelNames: ["log", "reached"], registers })
  const artifacts = new Counter({ name: "vouchsafe_evidence_artifacts_total", help: "artifacts answered by status", labelNames: ["status"], registers })
  const builds = new Histogram({ name: "vouchsafe_build_seconds", help: "time of one build by outcome", labelNames: ["outcome"], buckets: BUILD_SECONDS_BUCKETS, registers })
  const trusts = new Counter({ name: "vouchsafe_trust_refreshes_total", help: "fetches of roots of trust from the mirror by outcome", labelNames: ["outcome"], registers })
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({ name, help, registers, collect() { this.set(read()) } })
  }
  return {
    gauge,
    counter(name, help, label) {
      const counter = new Counter({ name, help, labelNames: [label], registers })
      return (value, count = 1) => counter.inc({ [label]: value }, count)
    },
    answered: (route, status, seconds) => answers.observe({ route, status }, seconds),
    observed: (outcome, seconds) => observations.observe({ outcome }, seconds),
    cosigned: (log, reached) => cosignings.inc({ log, reached: String(reached) }),
    artifacts: (status, count) => artifacts.inc({ status }, count),
    built: (outcome, seconds) => builds.observe({ outcome }, seconds),
    trustRefreshed: (outcome) => trusts.inc({ outcome }),
    watch(gauges) {
      gauge("vouchsafe_log_entries", "entries of the observation log", gauges.logSize)
      gauge("vouchsafe_log_cosigned_entries", "entries under the newest cosigned checkpoint", gauges.cosignedSize)
      gauge("vouchsafe_notices_entries", "entries of the notices log", gauges.noticesSize)
      gauge("vouchsafe_notices_age_seconds", "age of the newest cosigned notices head", gauges.noticesAgeSeconds)
      gauge("vouchsafe_observations_queued", "observations waiting for their turn", gauges.queued)
      gauge("vouchsafe_observations_running", "observations in work", gauges.observing)
      gauge("vouchsafe_builds_queued", "builds waiting for their turn", gauges.buildsQueued)
      gauge("vouchsafe_builds_running", "builds in work", gauges.buildsRunning)
      gauge("vouchsafe_trust_seconds_left", "time until the roots of trust are over and nothing is verified", gauges.trustSecondsLeft)
    },
    text: () => registry.metrics(),
  }
}
