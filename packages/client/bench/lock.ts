/**
 * What a project of 1,300 packages costs a client that has its lock and nothing else, one JSON document: `node --conditions=source bench/lock.ts`.
 *
 * CPU, user plus system, of reading policy, roster and lock from disk and judging every package: `first` in a process that has done nothing before,
 * medians of 5; `warm` in one that has done it forty times, when the engine has compiled what it
 * is going to compile. The package manager's lockfile is not read here.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ArtifactRequest } from "@vouchsafe/core"
import { openProject } from "../src/node/project.ts"
import { lockProject, LOCKED_PACKAGES } from "./lock-project.ts"
import { cpuMsOf, quantile } from "./measure.ts"

const PROCESSES = 5
/** Checks in one process, and how many of them go by until the engine has compiled what it is going to compile. */
const REPETITIONS = 81
const SETTLING = 41
const CHILD_MS_MAX = 60_000

async function checkOnce(dir: string, requests: readonly ArtifactRequest[]): Promise<void> {
  const registries = { default: "", scopes: {}, userConfigPath: "", registryFor: () => "", credentialsFor: () => undefined, raw: () => undefined }
  const project = await openProject({ dir, env: { HOME: dir, VOUCHSAFE_HOME: join(dir, "home") }, registries })
  const { verdicts } = await project.check(requests, { budgetMs: 0 })
  project.close()
  if (verdicts.length !== requests.length || verdicts.some(({ ok }) => !ok)) throw new Error(`refused: ${JSON.stringify(verdicts.find(({ ok }) => !ok))}`)
}

async function child(dir: string): Promise<void> {
  const requests = JSON.parse(readFileSync(join(dir, "requests.json"), "utf8")) as ArtifactRequest[]
  const times: number[] = []
  for (let i = 0; i < REPETITIONS; i++) times.push(await cpuMsOf(() => checkOnce(dir, requests)))
  process.stdout.write(JSON.stringify({ first: times[0], warm: quantile(times.slice(SETTLING), 0.5) }))
}

function main(): void {
  const dir = mkdtempSync(join(tmpdir(), "vouchsafe-bench-lock-"))
  try {
    const { files, requests } = lockProject()
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
    writeFileSync(join(dir, "requests.json"), JSON.stringify(requests))
    const runs = Array.from({ length: PROCESSES }, () => {
      const ran = spawnSync(process.execPath, ["--conditions=source", fileURLToPath(import.meta.url), dir], { encoding: "utf8", timeout: CHILD_MS_MAX })
      if (ran.status !== 0) throw new Error(`a measured process ended with ${String(ran.status ?? ran.signal)}: ${ran.stderr}`)
      return JSON.parse(ran.stdout) as { first: number; warm: number }
    })
    const lock = files["vouchsafe.lock"] ?? ""
    process.stdout.write(`${JSON.stringify({
      packages: LOCKED_PACKAGES, bytes: lock.length, bytesPerArtifact: Math.round(lock.length / LOCKED_PACKAGES), first: { median: quantile(runs.map(({ first }) => first), 0.5) }, warm: { median: quantile(runs.map(({ warm }) => warm), 0.5) },
    }, null, 2)}\n`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const [, , dir] = process.argv
if (dir === undefined) main()
else await child(dir)
