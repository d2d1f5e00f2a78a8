import type { Options } from "tsup"
import { type BuildPlugin, checkOutput, collectLicences, jsoncAsModule, latePart, requireWhereNeeded, runnableBins, smaller, withoutSigstore, yarnFactory } from "./src/bundle/index.ts"

/** Base names of the module that gives the late part and of the late part itself, and the name of the function that gives it. */
type LateNames = { readonly module: string, readonly part: string, readonly exported: string }
type Entries = Readonly<Record<string, string>>

/** What Yarn hands out through its factory's `require`; everything else is bundled. */
const YARN_MODULES = ["@yarnpkg/core", "@yarnpkg/fslib", "@yarnpkg/libzip", "@yarnpkg/plugin-*", "clipanion", "typanion"]

const COMMON: Options = {
  platform: "node",
  // Published packages depend on nothing from outside: one reviewed lockfile decides what runs.
  noExternal: [/.*/],
  // node:sqlite has no other name.
  removeNodeProtocol: false,
  // Source maps name the files of the machine that built.
  sourcemap: false,
  dts: false,
  clean: true,
}

/**
 * ECMAScript modules that hold everything but Node's own: for programs and for pnpm's plugin.
 * Shared code and late imports become files of their own, so that a short run loads little.
 *
 * @param given.entry - entry file by name of the output without its ending
 * @param given.target - oldest Node that runs it
 */
export function bundle(given: { readonly entry: Entries, readonly ending?: ".js" | ".mjs", readonly target?: "node20" | "node22" }): Options {
  return {
    ...COMMON,
    entry: { ...given.entry },
    format: ["esm"],
    target: given.target ?? "node20",
    splitting: true,
    outExtension: () => ({ js: given.ending ?? ".js" }),
    plugins: [requireWhereNeeded(), runnableBins()],
    esbuildPlugins: [jsoncAsModule(), checkOutput(), withoutSigstore(), collectLicences()],
    esbuildOptions(options) {
      options.conditions = ["source"]
    },
  }
}

/**
 * The one file that `yarn plugin import` wants: a name, and a factory that Yarn calls with a `require` of its own modules.
 *
 * @param given.name - the plugin's name as Yarn lists it
 * @param given.late - what is compiled only when it is asked for; see `latePart`
 * @param given.instead - esbuild plugins that put other modules in the place of some
 */
export function yarnBundle(given: { readonly entry: Entries, readonly name: string, readonly late?: LateNames, readonly instead?: readonly BuildPlugin[] }): Options {
  const esbuildPlugins = [...given.instead ?? [], checkOutput(), withoutSigstore(), collectLicences()]
  return {
    ...COMMON,
    entry: { ...given.entry },
    format: ["esm"],
    splitting: false,
    target: "node20",
    minify: true,
    outExtension: () => ({ js: ".cjs" }),
    plugins: [yarnFactory(given.name), smaller()],
    esbuildPlugins: given.late === undefined ? esbuildPlugins : [latePart({ ...given.late, name: given.name, plugins: esbuildPlugins }), ...esbuildPlugins],
    esbuildOptions(options) {
      options.conditions = ["source"]
      options.external = YARN_MODULES
    },
  }
}
