import type { Options } from "tsup"
import { yarnBundle } from "@vouchsafe/config/tsup"

/**
 * Modules that the bundle holds in another form, since it must be small and is read at every command of Yarn.
 *
 * - npm's configuration and a YAML parser stand behind late imports that are never reached: inside of Yarn, Yarn's
 *   settings count. A single file would hold them all the same.
 * - core's reference implementations are for hosts without Node. Here Node's own hashes do; its signatures are injected.
 */
const INSTEAD: Readonly<Record<string, string>> = {
  "./npm-config.ts": "export const loadNpmConfig = () => { throw new Error('npm is not asked inside of Yarn') }",
  yaml: "throw new Error('Yarn has read its settings already')",
  "@noble/ed25519": "export const etc = undefined, Point = etc, getPublicKey = etc, hashes = etc, sign = etc",
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

// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default yarnBundle({
  entry: { "yarn-plugin": "src/plugin.ts" }, name: "@vouchsafe/yarn-plugin", late: { module: "late.ts", part: "guarding.ts", exported: "guarding" }, instead: [instead],
})
