import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { npmPurl } from "@vouchsafe/core"
import { type FakeRegistry, startRegistry, digestsOf } from "@vouchsafe/testkit/registry"
import { archive, entry, tgz } from "@vouchsafe/testkit/tar"
import { afterAll } from "vitest"
import { programOf } from "../../src/compare/program.ts"
import { rebuild } from "../../src/pipeline.ts"
import { createBubblewrap } from "../../src/sandbox/bubblewrap.ts"
import { type RebuildEvent, type RebuildRequest, type RebuildResult, REQUEST_FORMAT } from "../../src/types.ts"
import { makeRepository, type TestRepository } from "../git/repositories.ts"
import { workFolder } from "../git/ssh-tools.ts"

export const NAME = "fixture"
export const VERSION = "1.0.0"
/** Package managers and compilers are fetched once for all runs on a machine. */
const CACHE = fileURLToPath(new URL("../../../../node_modules/.cache/vouchsafe-rebuilder/", import.meta.url))
const PUBLISHED_AT = "2026-01-01T00:00:00.000Z"

/** Files of a package by path. */
export type Files = Readonly<Record<string, string>>

/** Who wrote the headers: npm leaves the owner out, pnpm writes it as zero. */
const OWNER = { npm: "", pnpm: "000000 \0" }

/** A published tarball, as its publisher made it. */
export function packed(files: Files, packer: keyof typeof OWNER = "npm"): Buffer {
  return tgz(archive(...Object.entries(files).map(([path, content]) => entry(`package/${path}`, content, { uid: OWNER[packer] }))))
}

/** package.json as npm packs it: as it stands. */
export function manifest(more: object = {}): string {
  return `${JSON.stringify({ name: NAME, version: VERSION, ...more }, null, 2)}\n`
}

/** A loopback registry in front of the one of the npm configuration, git repositories, and one rebuild after another. */
export interface PipelineWorld {
  readonly folder: string
  readonly registry: FakeRegistry
  repository(name?: string): TestRepository
  /** Publishes bytes as the version that is to be rebuilt. */
  publish(tarball: Buffer): void
  run(given: Given): Promise<Ran>
}

export interface Given {
  readonly tarball: Buffer
  /** Names the source; without it the packument does. */
  readonly source?: RebuildRequest["source"]
  readonly manifest?: object
  readonly more?: Partial<RebuildRequest>
}

export interface Ran {
  readonly result: RebuildResult
  readonly log: string
  readonly steps: readonly string[]
  /** Path of the published tarball on the host. */
  readonly tarball: string
  readonly workspace: string
}

export async function createPipelineWorld(): Promise<PipelineWorld> {
  const folder = workFolder("pipeline")
  const upstream = `${execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim().replace(/\/+$/, "")}/`
  mkdirSync(join(CACHE, "toolchains"), { recursive: true })
  const registry = await startRegistry({ upstream, cacheDir: join(CACHE, "registry") })
  afterAll(() => registry.close())
  const executor = createBubblewrap()
  const program = programOf(new URL("../../src/bin.ts", import.meta.url).href)
  return {
    folder, registry,
    repository: (name = "source") => makeRepository(mkdtempSync(join(folder, "git-")), name),
    publish: (tarball) => { registry.publish({ name: NAME, version: VERSION, tarball, publishedAt: PUBLISHED_AT }) },
    async run({ tarball, source, manifest: manifestGiven, more }) {
      const place = mkdtempSync(join(folder, "run-"))
      const path = join(place, "published.tgz")
      const workspace = join(place, "work")
      writeFileSync(path, tarball)
      mkdirSync(workspace)
      const log: string[] = []
      const steps: string[] = []
      const onEvent = (event: RebuildEvent): void => {
        if (event.type === "log") log.push(event.text)
        else if (event.type === "step") steps.push(event.name)
      }
      const result = await rebuild({
        format: REQUEST_FORMAT, purl: npmPurl(NAME, VERSION), registry: registry.url, tarball: path, sha512: digestsOf(tarball).sha512, manifest: { name: NAME, version: VERSION, ...manifestGiven },
        publishedAt: null, frozenAt: Math.floor(Date.now() / 1000), ...(source === undefined ? {} : { source }), workspace, toolchains: join(CACHE, "toolchains"),
        upstream: { registry: registry.url }, gitProtocols: ["file"], gitHosts: [], allowPrivateAddresses: true, ...more,
      }, { executor, program, recipes: join(folder, "recipes"), nowMs: () => Date.now(), onEvent })
      return { result, log: log.join(""), steps, tarball: path, workspace }
    },
  }
}
