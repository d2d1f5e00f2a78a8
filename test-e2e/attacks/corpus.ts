/** One package of each kind of verdict, for the test that all guards say the same of them. @packageDocumentation */
import type { VerdictCode } from "@vouchsafe/core"
import { before, DAY, FRESH, MALLORY, release, runOf, tagged, TWIN_AGE } from "./rows/parts.ts"
import type { Release, Row } from "./types.ts"

const of = (name: string): string => `@replay-corpus/${name}`
const SCRIPT = { manifest: { scripts: { postinstall: "node say.js" } }, files: { "say.js": "console.log(1)\n" } }

/** By name: what every guard has to say of it. */
export const EXPECTED: Readonly<Record<string, VerdictCode | "allowed">> = {
  [of("plain")]: "allowed", [of("attested")]: "allowed", [of("scripted")]: "allowed",
  [of("withdrawn")]: "WITHDRAWN", [of("conflict")]: "DIGEST_CONFLICT", [of("young")]: "TOO_YOUNG", "crossenvs": "LOOKALIKE_NAME", [of("mismatch")]: "MANIFEST_MISMATCH",
  [of("unattested")]: "PROVENANCE_LOST", [of("hooked")]: "NEW_INSTALL_SCRIPT", [of("exotic")]: "EXOTIC_SOURCE",
}

export const WITHDRAWN = `${of("withdrawn")}@1.0.0`
/** Two operators are shown other bytes than the rest. */
export const CONFLICT = { name: of("conflict"), operators: ["gamma", "delta"] }

const RELEASES: readonly Release[] = [
  release(of("plain"), "1.0.0", 300 * DAY), release(of("withdrawn"), "1.0.0", 300 * DAY), release(of("conflict"), "1.0.0", 300 * DAY),
  release(of("exotic"), "1.0.0", 300 * DAY, tagged("corpus-exotic")),
  ...before(of("attested"), ["1.0.0", "1.1.0"], { run: runOf("attested") }), release(of("attested"), "1.2.0", TWIN_AGE, { run: runOf("attested") }),
  ...before(of("scripted"), ["1.0.0", "1.1.0"], SCRIPT), release(of("scripted"), "1.2.0", TWIN_AGE, SCRIPT),
  ...before(of("young"), ["1.0.0", "1.1.0"]), release(of("young"), "1.2.0", FRESH),
  release("crossenvs", "1.0.0", 14 * DAY, { publisher: MALLORY, maintainers: [MALLORY] }),
  release(of("mismatch"), "1.0.0", 300 * DAY, { packument: { bin: { mismatch: "index.js" } } }),
  ...before(of("unattested"), ["1.0.0", "1.1.0"], { run: runOf("unattested") }), release(of("unattested"), "1.2.0", TWIN_AGE),
  ...before(of("hooked"), ["1.0.0", "1.1.0"]), release(of("hooked"), "1.2.0", TWIN_AGE, SCRIPT),
]
const LAST = new Map(RELEASES.map(({ name, version }) => [name, version]))
const NOTHING = { releases: [], dependencies: {}, judged: [] }

/** The corpus as a row that nobody plays: it only has to be in the world. */
export const CORPUS: Row = { number: 0, title: "corpus", payload: "import", expected: [], attack: { ...NOTHING, releases: RELEASES }, twin: NOTHING, honest: "" }

/** In the registry as well, where nothing speaks against it; projects take it from git. */
export const EXOTIC = `${of("exotic")}@1.0.0`

/** What a project depends on that has all of it. */
export function corpusDependencies(exotic: { readonly repository: string; readonly commit: string }): Record<string, string> {
  return { ...Object.fromEntries(LAST), [of("exotic")]: `git+${exotic.repository}#${exotic.commit}` }
}
