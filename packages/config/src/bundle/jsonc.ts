import type { BuildPlugin } from "./tsup.ts"

/** jsonc-parser's CommonJS build loads its parts through a `require` that a bundler cannot see: its ECMAScript build is taken. */
export function jsoncAsModule(): BuildPlugin {
  return {
    name: "vouchsafe-jsonc-as-module",
    setup(build) {
      build.onResolve({ filter: /^jsonc-parser$/ }, ({ kind, resolveDir }) => build.resolve("jsonc-parser/lib/esm/main.js", { kind, resolveDir }))
    },
  }
}
