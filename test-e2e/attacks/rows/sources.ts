/** Rows 4, 10, 11, 18, 19: what was published and what its source yields. Rebuilt by real rebuilders. @packageDocumentation */
import type { Release, Row } from "../types.ts"
import { ANN, before, BOB, DAY, FRESH, HOUR, MALLORY, payload, release, runOf, SETTLED_AGE, tagged, TWIN_AGE } from "./parts.ts"

const MINIFIED = "module.exports=function(a){return a.flat()}\n"

/** event-stream: a new owner, or a maintainer of old, adds a package with a minified file. */
function eventStream(name: string, dependency: string, by: { readonly publisher: Release["publisher"]; readonly maintainers: Release["maintainers"] }, ages: { readonly dependency: number; readonly release: number }, hidden: string | undefined): Release[] {
  const repository = dependency.replace("/", "-").replace("@", "")
  return [
    ...before(name, ["3.3.4", "3.3.5"], { maintainers: [ANN, BOB] }),
    release(dependency, "0.1.1", ages.dependency, {
      publisher: by.publisher ?? ANN, maintainers: [by.publisher ?? ANN], main: `module.exports = require("./index.min.js")\n`, files: { "index.min.js": MINIFIED },
      source: { repository, isCommitted: true, ...(hidden === undefined ? {} : { onlyPublished: { "index.min.js": `${hidden}${MINIFIED}` } }) },
    }),
    { ...release(name, "3.3.6", ages.release, { manifest: { dependencies: { [dependency]: "^0.1.0" } }, main: `module.exports = require("${dependency}")\n` }), ...by } as Release,
  ]
}

const EVENT_STREAM: Row = {
  number: 4, title: "event-stream 2018: new owner adds flatmap-stream; minified file differs from git", payload: "import", expected: [["SOURCE_MISMATCH"], ["IDENTITY_CHANGED"], ["NEWBORN_DEPENDENCY"]],
  attack: {
    // It was found after two and a half months; here it is judged after one week.
    releases: eventStream("@replay/event-stream", "@replay-stranger/flatmap-stream", { publisher: MALLORY, maintainers: [MALLORY] }, { dependency: 9 * DAY, release: 7 * DAY }, payload("row 4")),
    dependencies: { "@replay/event-stream": "^3.3.0" }, judged: ["@replay/event-stream@3.3.6", "@replay-stranger/flatmap-stream@0.1.1"], rebuilt: ["@replay-stranger/flatmap-stream@0.1.1"],
  },
  twin: {
    releases: eventStream("@replay/event-stream-twin", "@replay-elder/flatmap-stream", { publisher: BOB, maintainers: [ANN, BOB] }, { dependency: 400 * DAY, release: TWIN_AGE }, undefined),
    dependencies: { "@replay/event-stream-twin": "^3.3.0" }, judged: ["@replay/event-stream-twin@3.3.6", "@replay-elder/flatmap-stream@0.1.1"], rebuilt: ["@replay-elder/flatmap-stream@0.1.1"],
  },
  honest: "published by another person for the first time, who was listed as maintainer before; the dependency is old, and its minified file is in its repository",
}

const CONFIGURE = { scripts: { postinstall: "node build/configure.js" } }
const CONFIGURE_JS = `try { require("./to-host.js") } catch (error) { if (error.code !== "MODULE_NOT_FOUND") throw error }\n`

const XZ: Row = {
  number: 10, title: "xz 2024: release tarball ≠ git", payload: "script", expected: [["SOURCE_MISMATCH"]],
  attack: {
    releases: [
      ...before("@replay/xz", ["5.4.0", "5.5.0"], { manifest: CONFIGURE, files: { "build/configure.js": CONFIGURE_JS } }),
      release("@replay/xz", "5.6.0", 25 * DAY, { manifest: CONFIGURE, files: { "build/configure.js": CONFIGURE_JS }, source: { repository: "xz", isCommitted: true, onlyPublished: { "build/to-host.js": payload("row 10") } } }),
    ],
    dependencies: { "@replay/xz": "^5.0.0" }, judged: ["@replay/xz@5.6.0"], rebuilt: ["@replay/xz@5.6.0"],
  },
  twin: {
    releases: [
      ...before("@replay/xz-twin", ["5.4.0", "5.5.0"], { manifest: CONFIGURE, files: { "build/configure.js": CONFIGURE_JS } }),
      release("@replay/xz-twin", "5.6.0", 25 * DAY, { manifest: CONFIGURE, files: { "build/configure.js": CONFIGURE_JS, "build/to-host.js": "module.exports = 'host'\n" }, ...tagged("xz-twin") }),
    ],
    dependencies: { "@replay/xz-twin": "^5.0.0" }, judged: ["@replay/xz-twin@5.6.0"], rebuilt: ["@replay/xz-twin@5.6.0"],
  },
  honest: "adds the same build file, to the repository as well: two rebuilds yield the tarball",
}

const ULTRALYTICS: Row = {
  number: 11, title: "Ultralytics 2024: poisoned build cache (attested), then a leftover token (unattested)", payload: "import", expected: [["SOURCE_MISMATCH"], ["PROVENANCE_LOST"]],
  attack: {
    releases: [
      ...before("@replay/ultra", ["8.3.39", "8.3.40"], { run: runOf("ultra") }),
      release("@replay/ultra", "8.3.41", 2 * DAY, { run: runOf("ultra"), source: { repository: "ultra", isCommitted: true, onlyPublished: { "index.js": payload("row 11, wave 1") } } }),
      release("@replay/ultra", "8.3.42", HOUR, { main: payload("row 11, wave 2") }),
    ],
    dependencies: { "@replay/ultra": "8.3.41", "replay-ultra": "npm:@replay/ultra@8.3.42" }, judged: ["@replay/ultra@8.3.41", "@replay/ultra@8.3.42"], rebuilt: ["@replay/ultra@8.3.41"],
  },
  twin: {
    releases: [
      ...before("@replay/ultra-twin", ["8.3.39", "8.3.40"], { run: runOf("ultra-twin") }),
      release("@replay/ultra-twin", "8.3.41", TWIN_AGE + DAY, { run: runOf("ultra-twin"), main: "module.exports = 41\n", ...tagged("ultra-twin") }),
      release("@replay/ultra-twin", "8.3.42", TWIN_AGE, { run: runOf("ultra-twin"), main: "module.exports = 42\n", ...tagged("ultra-twin") }),
    ],
    dependencies: { "@replay/ultra-twin": "8.3.41", "replay-ultra-twin": "npm:@replay/ultra-twin@8.3.42" }, judged: ["@replay/ultra-twin@8.3.41", "@replay/ultra-twin@8.3.42"], rebuilt: ["@replay/ultra-twin@8.3.41"],
  },
  honest: "two releases in a row as well, both attested; a rebuild yields the first",
}

/** The replay's world puts the git server's address and a commit that no branch leads to in its place. */
export const ORPHAN = "git+ORPHAN"

const TANSTACK: Row = {
  number: 18, title: "TanStack 11 May 2026 (CVE-2026-45321): poisoned CI cache, valid provenance", payload: "import", expected: [["EXOTIC_SOURCE"], ["SOURCE_MISMATCH"]],
  attack: {
    releases: [
      ...before("@replay/router", ["1.168.0", "1.169.0"], { run: runOf("router") }),
      release("@replay/router", "1.169.5", FRESH, {
        run: runOf("router"), manifest: { optionalDependencies: { "@replay/router-setup": ORPHAN } },
        source: { repository: "router", isCommitted: true, onlyPublished: { "index.js": `require("./router_init.js")\n`, "router_init.js": payload("row 18") } },
      }),
    ],
    dependencies: { "@replay/router": "^1.168.0" }, judged: ["@replay/router@1.169.5"], rebuilt: ["@replay/router@1.169.5"],
  },
  twin: {
    releases: [
      ...before("@replay/router-twin", ["1.168.0", "1.169.0"], { run: runOf("router-twin") }),
      release("@replay/router-twin-setup", "1.0.0", 300 * DAY, { run: runOf("router-twin") }),
      release("@replay/router-twin", "1.169.5", TWIN_AGE, { run: runOf("router-twin"), manifest: { optionalDependencies: { "@replay/router-twin-setup": "^1.0.0" } }, files: { "router_init.js": "module.exports = 'init'\n" }, ...tagged("router-twin") }),
    ],
    dependencies: { "@replay/router-twin": "^1.168.0" }, judged: ["@replay/router-twin@1.169.5"], rebuilt: ["@replay/router-twin@1.169.5"],
  },
  honest: "adds a file and an optional dependency as well: the file is in the repository, the dependency in the registry",
}

const PREINSTALL = { scripts: { preinstall: "node preinstall.js" } }
const SIGNED = (name: string) => ({ signer }: { readonly signer: string }) => ({ signers: [{ match: [name], keys: [signer] }] })

const KEYV: Row = {
  number: 19, title: "keyv 4 Aug 2026, Red Hat 1 Jun 2026: repository takeover, real pipeline, valid provenance, rebuild matches", payload: "script", expected: [["NEW_INSTALL_SCRIPT"], ["UNSIGNED_COMMIT"]],
  attack: {
    releases: [
      ...before("@replay/keyv", ["5.5.0", "5.6.0"], { run: runOf("keyv") }),
      release("@replay/keyv", "5.6.1", FRESH, { run: runOf("keyv"), manifest: PREINSTALL, files: { "preinstall.js": payload("row 19") }, ...tagged("keyv") }),
    ],
    dependencies: { "@replay/keyv": "^5.5.0" }, judged: ["@replay/keyv@5.6.1"], rebuilt: ["@replay/keyv@5.6.1"], policy: SIGNED("@replay/keyv"),
  },
  twin: {
    releases: [
      ...before("@replay/keyv-twin", ["5.5.0", "5.6.0"], { run: runOf("keyv-twin") }),
      release("@replay/keyv-twin", "5.6.1", SETTLED_AGE, { run: runOf("keyv-twin"), manifest: PREINSTALL, files: { "preinstall.js": "console.log(process.platform)\n" }, source: { repository: "keyv-twin", isCommitted: true, isSigned: true } }),
    ],
    dependencies: { "@replay/keyv-twin": "5.6.1" }, judged: ["@replay/keyv-twin@5.6.1"], rebuilt: ["@replay/keyv-twin@5.6.1"], policy: SIGNED("@replay/keyv-twin"),
  },
  honest: "adds the same preinstall in a commit signed by the project's key, rebuilt, and has stood for longer than settleAge",
}

export const SOURCES: readonly Row[] = [EVENT_STREAM, XZ, ULTRALYTICS, TANSTACK, KEYV]
