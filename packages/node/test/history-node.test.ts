import { type History, parseEntry } from "@vouchsafe/core"
import type { FixturePackage } from "@vouchsafe/testkit/registry"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import type { NodeConfig } from "../src/index.ts"
import { dnsServer, git } from "./history-servers.ts"
import { evidence, place, registryOf, start } from "./network.ts"
import { tempFolder } from "./support.ts"

const DAY_MS = 86_400_000

/** Two versions a month apart; a tag for the first only, and a maintainer whose domain is gone. */
async function world(config: (given: { readonly dns: string; readonly gitHost: string }) => Partial<NodeConfig>) {
  const asked: string[] = []
  const dns = await dnsServer((name) => {
    asked.push(name)
    return { code: name === "gone.example" ? 3 : 0, hasRecord: name === "people.example" }
  })
  const repository = await git()
  const version = (text: string, daysAgo: number): FixturePackage => ({
    name: "zz-past", version: text, files: { "index.js": text }, publisher: "ann", publishedAt: new Date(Date.now() - daysAgo * DAY_MS).toISOString(),
    manifest: { repository: `git+http://${repository.host}/ann/x.git`, maintainers: [{ name: "ann", email: "ann@people.example" }, { name: "bob", email: "bob@gone.example" }] },
  })
  const registry = await registryOf(0, { packages: [version("1.1.0", 40), version("1.2.0", 10)] })
  const at = place(join(tempFolder(), "data"), { registries: [registry.url], ...config({ dns, gitHost: repository.host }) })
  const node = await start(at)
  const look = async (text: string): Promise<History> => {
    const answer = await evidence(node.listenUrl, { artifacts: [{ purl: `pkg:npm/zz-past@${text}`, registry: registry.url }] })
    const entry = answer.log.entries.map(parseEntry).find((one) => one.kind === "observation")
    if (entry?.kind !== "observation") throw new Error(JSON.stringify(answer.artifacts))
    return entry.observation.history
  }
  return { at, node, asked, seen: repository.seen, look }
}

test("a node asks its git hosts and name servers, and remembers", async () => {
  const { look, asked, at } = await world(({ dns, gitHost }) => ({ gitHosts: [gitHost], dnsServers: [dns] }))
  expect(await look("1.2.0")).toMatchObject({ previous: { version: "1.1.0", source: "found" }, source: "absent", publisher: "same", lapsedDomains: ["gone.example"], notBefore: null })
  expect(asked).toContain("people.example")
  expect(existsSync(join(at.config.data, "history.sqlite"))).toBe(true)
})

test.each<{ name: string; config: Parameters<typeof world>[0] }>([
  { name: "it is told not to look", config: ({ dns, gitHost }) => ({ gitHosts: [gitHost], dnsServers: [dns], historyLookups: false }) },
  { name: "in a network of one's own, it is told of nobody to ask", config: () => ({ gitHosts: ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"] }) },
])("nobody is asked where $name", async ({ config }) => {
  const { look, asked, seen } = await world(config)
  expect(await look("1.2.0")).toMatchObject({ previous: { version: "1.1.0", source: "unknown" }, source: "unknown", lapsedDomains: [] })
  expect([asked, seen]).toEqual([[], []])
})

test("nobody is asked about a registry to which credentials go", async () => {
  const { at, node, asked, seen } = await world(({ dns, gitHost }) => ({ gitHosts: [gitHost], dnsServers: [dns] }))
  await node.stop()
  const registry = at.config.registries[0] as string
  const npmrc = join(tempFolder(), "npmrc")
  writeFileSync(npmrc, `registry=${registry}\n${registry.slice("http:".length)}:_authToken=token-0123456789abcdef\n`, { mode: 0o600 })
  const again = await start({ ...at, world: { ...at.world, env: { ...at.world.env, npm_config_userconfig: npmrc } } })
  const answer = await evidence(again.listenUrl, { artifacts: [{ purl: "pkg:npm/zz-past@1.2.0", registry }] })
  expect(answer.artifacts[0]?.status).toBe("observed")
  expect([asked, seen]).toEqual([[], []])
})
