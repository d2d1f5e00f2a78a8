/** Versions of one package put into a world's registry, and the history that its attester then states. */
import { type History, npmPurl } from "@vouchsafe/core"
import { archive, entry, packageJson, tgz } from "@vouchsafe/testkit/tar"
import type { AttesterOptions, HistoryPorts } from "../../src/index.ts"
import { createWorld, distOf, REGISTRY, type World } from "./world.ts"

export const DAY = 86_400
/** Unix seconds of the version that is looked at. */
export const T = 1_769_000_000
export const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** What there is to say about a version that is put into the registry. */
export interface Given {
  /** In the tarball and in the packument. */
  readonly manifest?: Record<string, unknown>
  /** In the packument only. */
  readonly claims?: Record<string, unknown>
  readonly files?: readonly string[]
  readonly by?: string | object | null
  readonly name?: string
  readonly attested?: boolean
}

/** Puts a version into the registry, published so many days before T. */
export function put(world: World, version: string, daysBefore: number | null, given: Given = {}): void {
  const { name = "fixture", manifest = {}, claims = {}, files = [], by = "ann" } = given
  const bytes = tgz(archive(packageJson({ name, version, ...manifest }), entry("package/index.js", `${version}\n`), ...files.map((path) => entry(`package/${path}`, "{}"))))
  const person = typeof by === "string" ? { name: by, email: `${by}@people.example` } : by
  const attestations = given.attested === true ? { attestations: { url: "x", provenance: { predicateType: "https://slsa.dev/provenance/v1" } } } : {}
  world.publish({
    name, version, bytes, time: daysBefore === null ? undefined : iso(T - daysBefore * DAY),
    manifest: {
      repository: { type: "git", url: "git+https://git.example/ann/fixture.git" }, maintainers: [{ name: "ann", email: "ann@people.example" }], ...manifest,
      _npmUser: person ?? undefined, ...claims, dist: { ...distOf(bytes), tarball: `${REGISTRY}${name}/-/${version}.tgz`, ...attestations },
    },
  })
  if (given.attested === true) world.registry.attested.set(`${name}@${version}`, { attestations: [] })
}

/** The history in what the attester says about a version. */
export async function look(world: World, version: string, name = "fixture"): Promise<History> {
  const result = await world.attester.observe({ purl: npmPurl(name, version), registry: REGISTRY })
  if (result.status !== "observed") throw new Error(JSON.stringify(result))
  return world.observation(result.index).history
}

/** A world whose clock stands ten days after T. */
export function worldWith(ports: HistoryPorts = {}, more: Partial<AttesterOptions> = {}): World {
  const world = createWorld({ history: ports, ...more })
  world.clock.now = (T + 10 * DAY) * 1000
  return world
}

/** Two versions a month apart, the second one observed. */
export async function after(first: Given, second: Given, ports: HistoryPorts = {}, isObservedFirst = false): Promise<History> {
  const world = worldWith(ports)
  put(world, "1.0.0", 30, first)
  if (isObservedFirst) await look(world, "1.0.0")
  put(world, "1.0.1", 0, second)
  return look(world, "1.0.1")
}
