import type { Options } from "tsup"
import { bundle } from "@vouchsafe/config/tsup"

/** Modules behind late imports that are never reached here: npm's configuration and Yarn's lockfile, inside of pnpm. */
const LEFT_OUT = /^(?:@npmcli\/config(?:\/.*)?|@yarnpkg\/parsers)$/

const leaveOut: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "vouchsafe-leave-out",
  setup(build) {
    build.onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: "left-out" }))
    build.onLoad({ filter: /.*/, namespace: "left-out" }, ({ path }) => ({
      contents: `export default undefined; export const parseSyml = () => { throw new Error(${JSON.stringify(`${path} is no part of the pnpm plugin`)}) }`, loader: "js",
    }))
  },
}

const base = bundle({ entry: { core: "src/core.ts" }, ending: ".mjs" })

// One file, so that a project can vendor it beside its .pnpmfile.cjs.
// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default { ...base, splitting: false, minify: true, esbuildPlugins: [leaveOut, ...base.esbuildPlugins ?? []] }
