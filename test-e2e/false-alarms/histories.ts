/**
 * Histories as real attesters write them: from recorded packuments, by the attester's own code, each version three days after it came.
 */
import { createWorld, fixtureTgz, REGISTRY } from "@vouchsafe/attester/test-world"
import { npmPurl, type Observation } from "@vouchsafe/core"
import { sharedPath } from "@vouchsafe/config/shared"
import { createNames } from "@vouchsafe/names"
import { memoryHistoryStore } from "@vouchsafe/testkit"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const AGE_MS = 3 * 86_400_000

interface Recorded {
  readonly name: string
  readonly time: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What the registry says about a version besides its bytes, and what came of comparing it with those before. */
export type Recollection = Pick<Observation, "history" | "packument">

/** By purl: the versions that are asked for and recorded. */
export async function recordedHistories(purls: ReadonlySet<string>): Promise<ReadonlyMap<string, Recollection>> {
  const folder = sharedPath("data", "npm-registry", "packuments")
  const found = new Map<string, Recollection>()
  for (const file of readdirSync(folder)) {
    const recorded = JSON.parse(readFileSync(join(folder, file), "utf8")) as Recorded
    for (const version of Object.keys(recorded.versions)) {
      const purl = npmPurl(recorded.name, version)
      if (purls.has(purl)) found.set(purl, await observed(recorded, version))
    }
  }
  return found
}

async function observed({ name, time, versions }: Recorded, version: string): Promise<Recollection> {
  const world = createWorld({ history: { store: memoryHistoryStore(), lookalike: createNames().lookalike } })
  const nowMs = Date.parse(time[version] ?? "") + AGE_MS
  const listed = Object.keys(versions).filter((one) => Date.parse(time[one] ?? "") <= nowMs).sort((a, b) => Date.parse(time[a] ?? "") - Date.parse(time[b] ?? ""))
  for (const one of listed) publish(world, { name, time, versions }, one)
  world.clock.now = nowMs
  const result = await world.attester.observe({ purl: npmPurl(name, version), registry: REGISTRY })
  if (result.status !== "observed") throw new Error(`${name}@${version}: ${JSON.stringify(result)}`)
  const { history, packument } = world.observation(result.index)
  return { history, packument }
}

/** The recorded manifest over a tarball of our own: bytes are not recorded, and histories say nothing about them. */
function publish(world: ReturnType<typeof createWorld>, { name, time, versions }: Recorded, version: string): void {
  const recorded = versions[version] as Readonly<Record<string, unknown>>
  const own = Object.fromEntries(Object.entries(recorded).filter(([key]) => !key.startsWith("_") && !["dist", "maintainers", "gitHead", "gypfile"].includes(key)))
  const bytes = fixtureTgz(own)
  const served = world.publish({ name, version, bytes, time: time[version] })
  served.manifest = { ...recorded, dist: served.manifest["dist"] }
}
