import { loadNpmConfig } from "@vouchsafe/client/node"
import { startRegistry, type FakeRegistry, type FixturePackage, type RegistryOptions } from "@vouchsafe/testkit/registry"
import { readFileSync } from "node:fs"
import { cacheFolder, ROOT } from "./folders.ts"
import { packAll } from "./packed.ts"

/** The registry of the person's npm configuration: where real packages come from. */
export async function upstreamRegistry(): Promise<string> {
  return (await loadNpmConfig({ dir: ROOT, env: process.env })).default
}

/**
 * A registry on loopback that holds our own packages, packed as they would be published, and the given fixtures, and passes everything
 * else through. What upstream answered is kept between runs.
 */
export async function startWorldRegistry(packages: readonly FixturePackage[], more: RegistryOptions = {}): Promise<FakeRegistry> {
  const own = (await packAll()).map(({ name, version, manifest, path }): FixturePackage => {
    const { name: _name, version: _version, ...fields } = manifest
    return { name, version, manifest: fields, tarball: readFileSync(path) }
  })
  return startRegistry({ upstream: await upstreamRegistry(), cacheDir: cacheFolder("upstream"), packages: [...own, ...packages], ...more })
}
