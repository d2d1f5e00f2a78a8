/** Rows 2 and 5: names that lead astray. Plain names, for the attack is about them. @packageDocumentation */
import type { Row } from "../types.ts"
import { BOB, DAY, MALLORY, payload, release, TWIN_AGE } from "./parts.ts"

const SCRIPT = { scripts: { postinstall: "node steal.js" } }
/** Popular since long, with people of its own on this registry. */
const POPULAR = release("cross-env", "7.0.3", 900 * DAY, { publisher: BOB, maintainers: [BOB] })

const CROSSENV: Row = {
  number: 2, title: "crossenv 2017, rustdecimal 2022: typosquat", payload: "script", expected: [["LOOKALIKE_NAME"]],
  attack: {
    // The real one stood for two weeks.
    releases: [POPULAR, release("crossenv", "6.1.1", 14 * DAY, { publisher: MALLORY, maintainers: [MALLORY], manifest: SCRIPT, files: { "steal.js": payload("row 2") } })],
    dependencies: { crossenv: "^6.1.0" }, judged: ["crossenv@6.1.1"],
  },
  twin: {
    releases: [POPULAR, release("cross-envs", "1.0.0", 14 * DAY, { publisher: BOB, maintainers: [BOB], manifest: { scripts: { postinstall: "node say.js" } }, files: { "say.js": "console.log(1)\n" } })],
    dependencies: { "cross-envs": "^1.0.0" }, judged: ["cross-envs@1.0.0"],
  },
  honest: "as new and as near to the popular name, by the popular package's own maintainer",
}

const CORP = "@replay-corp/billing"
const BINDING = ({ privateRegistry }: { readonly privateRegistry: string }) => ({ registries: [{ match: ["@replay-corp/*", "@replay-corp-twin/*"], registry: privateRegistry }] })

const CONFUSION: Row = {
  number: 5, title: "dependency confusion 2021", payload: "script", expected: [["WRONG_REGISTRY"]],
  attack: {
    releases: [
      release(CORP, "1.2.0", 300 * DAY, { registry: "private" }),
      release(CORP, "9.9.9", 10 * DAY, { publisher: MALLORY, maintainers: [MALLORY], manifest: { scripts: { preinstall: "node beacon.js" } }, files: { "beacon.js": payload("row 5") } }),
    ],
    // A machine that was never told where the scope lives.
    dependencies: { [CORP]: ">=1.0.0" }, judged: [`${CORP}@9.9.9`], policy: BINDING,
  },
  twin: {
    releases: [
      release("@replay-corp-twin/billing", "1.2.0", 300 * DAY, { registry: "private" }), release("@replay-corp-twin/billing", "9.9.9", TWIN_AGE, { registry: "private" }),
      release("@replay-corp-twin/billing", "99.0.0", 10 * DAY, { publisher: MALLORY, maintainers: [MALLORY], manifest: { scripts: { preinstall: "node beacon.js" } }, files: { "beacon.js": payload("row 5, twin") } }),
    ],
    dependencies: { "@replay-corp-twin/billing": ">=1.0.0" }, judged: ["@replay-corp-twin/billing@9.9.9"], policy: BINDING, privateScope: "@replay-corp-twin",
  },
  honest: "the same jump to 9.9.9 in the registry that the scope is bound to, while a 99.0.0 of a stranger is in the public one",
}

export const NAMES: readonly Row[] = [CROSSENV, CONFUSION]
