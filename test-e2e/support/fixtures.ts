import type { FixturePackage, TamperRule } from "@vouchsafe/testkit/registry"
import { MARKER_VARIABLE } from "./sandbox.ts"

/** Appends to the marker file what ran, so that a test sees it wherever a manager ran it. */
function mark(what: string): string {
  return `require('fs').appendFileSync(process.env.${MARKER_VARIABLE},'${what}\\n')`
}

const inShell = (script: string): string => `node -e "${script}"`

/** The packages of CLIENTS.md. Their honest form runs nothing but `zz-evil`'s own command. */
export const FIXTURES: readonly FixturePackage[] = [
  {
    name: "zz-evil", version: "1.0.0", manifest: { bin: { "zz-evil": "bin.js" }, scripts: { postinstall: inShell(mark("zz-evil honest postinstall")) } },
    files: { "index.js": "module.exports = 'honest'\n", "bin.js": { content: `#!/usr/bin/env node\n${mark("zz-evil honest bin")}\nconsole.log('zz-evil ran')\n`, mode: 0o755 } },
  },
  { name: "zz-parent", version: "1.0.0", manifest: { dependencies: { "zz-evil": "1.0.0" } }, files: { "index.js": "module.exports = require('zz-evil')\n" } },
  { name: "zz-optional", version: "1.0.0", manifest: { optionalDependencies: { "zz-evil": "1.0.0" } }, files: { "index.js": "module.exports = 'optional'\n" } },
  {
    name: "zz-gone", version: "1.0.0", manifest: { bin: { "zz-gone": "bin.js" } },
    files: { "index.js": "module.exports = 'gone'\n", "bin.js": { content: `#!/usr/bin/env node\n${mark("zz-gone bin")}\n`, mode: 0o755 } },
  },
  { name: "zz-gone-parent", version: "1.0.0", manifest: { dependencies: { "zz-gone": "1.0.0" } }, files: { "index.js": "module.exports = require('zz-gone')\n" } },
  {
    name: "zz-good", version: "1.0.0", manifest: { bin: { "zz-good": "bin.js" }, dependencies: { "zz-leaf": "^1.0.0" } },
    files: { "index.js": "module.exports = 'good'\n", "bin.js": { content: "#!/usr/bin/env node\nconsole.log('zz-good ran')\n", mode: 0o755 } },
  },
  { name: "zz-leaf", version: "1.0.0", files: { "index.js": "module.exports = 'leaf'\n" } },
]

/** What the nodes' requests say of themselves. */
const NODE_AGENT = "vouchsafe-node/"

/** The attack: everybody but the nodes gets other bytes of `zz-evil`, whose postinstall leaves a mark, with a packument that fits them. */
export const TAMPER: readonly TamperRule[] = [
  { name: "zz-evil", version: "1.0.0", mode: "swap-tarball", when: { userAgentExcludes: NODE_AGENT }, command: inShell(mark("zz-evil tampered postinstall")) },
]
