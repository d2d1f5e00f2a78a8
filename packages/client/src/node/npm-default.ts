/**
 * The registry that npm comes with, as npm itself names it: this project never does.
 *
 * @packageDocumentation
 */
import { registryIdOf } from "@vouchsafe/core"
import type { NpmRegistries } from "./npm-config.ts"

interface Definitions {
  readonly definitions: Readonly<Record<string, { readonly default: unknown }>>
}

/** Registry id of npm's own default. */
export async function npmBuiltInRegistry(): Promise<string> {
  // @ts-ignore -- no types are published; another package of the workspace may declare some
  const { default: npm } = await import("@npmcli/config/lib/definitions/index.js") as { default: Definitions }
  return registryIdOf(String(npm.definitions["registry"]?.default))
}

/**
 * Registry ids that npm takes for "the configured one" when a package-lock names them (its own default), and the one that
 * it puts there. `never`, or a host of the person's own, in `replace-registry-host` ends that. `always` lets it replace
 * any host; that is not believed here, since whoever reads the file without that setting would go to the host that it names.
 */
export async function npmRewrites(registries: Pick<NpmRegistries, "raw" | "default">): Promise<{ readonly from: readonly string[]; readonly to: string }> {
  const setting = registries.raw("replace-registry-host")
  const replaces = setting === "npmjs" || setting === "always" || setting === undefined
  return { from: replaces ? [await npmBuiltInRegistry()] : [], to: registries.default }
}
