import { basename } from "node:path"
import type { BuildPlugin } from "./tsup.ts"

/** Folders under `packages/` whose programs verify bundles themselves. Whatever runs inside an install relies on the quorum. */
const MAY_VERIFY: ReadonlySet<string> = new Set(["cli", "node"])
const SIGSTORE = /(?:^|\/)(?:node_modules\/@(?:sigstore|vouchsafe\/sigstore|tufjs)\/|packages\/sigstore\/)/

/** Refuses a bundle that holds Sigstore's verifier, but for the programs that need it. */
export function withoutSigstore(): BuildPlugin {
  return {
    name: "vouchsafe-without-sigstore",
    setup(build) {
      if (MAY_VERIFY.has(basename(process.cwd()))) return
      build.onEnd((result) => {
        const found = Object.keys(result.metafile?.inputs ?? {}).find((input) => SIGSTORE.test(input.replaceAll("\\", "/")))
        if (found === undefined) return {}
        return { errors: [{ text: `the bundle holds Sigstore's verifier (${basename(found)}): only ${[...MAY_VERIFY].join(" and ")} may, and load it lazily` }] }
      })
    },
  }
}
