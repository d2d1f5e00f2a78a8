import type { Options } from "tsup"
import { bundle } from "@vouchsafe/config/tsup"

/**
 * Modules that the bundle holds in another form, since every command of pnpm loads it.
 *
 * - npm's configuration reader and the parsers of Yarn's and Bun's lockfiles stand behind calls that are never made: inside of pnpm, pnpm says which
 *   registries it uses, and its lockfile is the only one.
 * - core's reference implementations are for hosts without Node. Here Node's own hashes do; its signatures are injected.
 */
const INSTEAD: Readonly<Record<string, string>> = {
  "@npmcli/config": "throw new Error('npm is not asked inside of pnpm')",
  "@npmcli/config/lib/definitions/index.js": "throw new Error('npm is not asked inside of pnpm')",
  "@yarnpkg/parsers": "module.exports = {}",
  "jsonc-parser": "module.exports = {}",
  "@noble/ed25519": "module.exports = { hashes: {} }",
  "@noble/hashes/sha2.js": `import { createHash } from "node:crypto"
const hashWith = (name) => (data) => new Uint8Array(createHash(name).update(data).digest())
export const sha256 = hashWith("sha256"), sha512 = hashWith("sha512")`,
}

const instead: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "vouchsafe-instead",
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path }) => (Object.hasOwn(INSTEAD, path) ? { path, namespace: "instead" } : undefined))
    build.onLoad({ filter: /.*/, namespace: "instead" }, ({ path }) => ({ contents: INSTEAD[path] ?? "", loader: "js", resolveDir: import.meta.dirname }))
  },
}

const base = bundle({ entry: { core: "src/core.ts" }, ending: ".mjs" })

// One file, so that a project can vendor it beside its .pnpmfile.cjs.
// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default { ...base, splitting: false, minify: true, esbuildPlugins: [instead, ...base.esbuildPlugins ?? []] }
