import type { RenderPlugin } from "./tsup.ts"

/** What esbuild's stand-in for `require` looks for: a CommonJS dependency inside a module asks for Node's own modules. */
const WANTS_REQUIRE = /typeof require\b/
// `getBuiltinModule` costs next to nothing at start-up, unlike an import declaration.
const DECLARES_REQUIRE = 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);\n'

/**
 * Declares `require` in the one module that asks for it, and nowhere else.
 *
 * A banner on every file would clash with sources that declare a `require` of their own; where esbuild's stand-in is
 * present, esbuild has renamed theirs.
 */
export function requireWhereNeeded(): RenderPlugin {
  return {
    name: "vouchsafe-require",
    renderChunk(code, chunk) {
      if (chunk.type !== "chunk" || !WANTS_REQUIRE.test(code)) return undefined
      const [hashbang = ""] = /^#!.*\n/.exec(code) ?? []
      return { code: `${hashbang}${DECLARES_REQUIRE}${code.slice(hashbang.length)}` }
    },
  }
}
