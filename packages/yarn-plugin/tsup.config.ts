import type { Options } from "tsup"
import { yarnBundle } from "@vouchsafe/config/tsup"

/**
 * Replaces modules that the bundle never runs by one that throws: they are behind late imports, which become part of a
 * single file. Here that is npm's own configuration reader; inside of Yarn, Yarn's settings count.
 */
const LEFT_OUT = /^(?:@npmcli\/config(?:\/.*)?|yaml)$/

const leaveOut: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "vouchsafe-leave-out",
  setup(build) {
    build.onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: "left-out" }))
    build.onLoad({ filter: /.*/, namespace: "left-out" }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is no part of the Yarn plugin`)})`, loader: "js",
    }))
  },
}

const base = yarnBundle({ entry: { "yarn-plugin": "src/index.ts" }, name: "@vouchsafe/yarn-plugin" })

// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default { ...base, esbuildPlugins: [leaveOut, ...base.esbuildPlugins ?? []] }
