/** Rows 1, 7, 8, 12: what only time, identity and other people's words tell. @packageDocumentation */
import type { Person, Release, Row } from "../types.ts"
import { ANN, before, DAY, FRESH, HOUR, payload, release, runOf, TWIN_AGE } from "./parts.ts"

const LEFT_PAD: Row = {
  number: 1, title: "left-pad 2016: unpublish breaks everyone", payload: "absence", expected: [],
  attack: { releases: [release("@replay/left-pad", "0.0.3", 700 * DAY, { main: "module.exports = (s, n) => String(s).padStart(n)\n" })], dependencies: { "@replay/left-pad": "0.0.3" }, judged: ["@replay/left-pad@0.0.3"] },
  twin: { releases: before("@replay/left-pad-twin", ["0.0.3", "0.0.4"]), dependencies: { "@replay/left-pad-twin": "0.0.3" }, judged: ["@replay/left-pad-twin@0.0.3"] },
  honest: "its author takes another version back and deprecates this one: the registry still has the bytes",
}

const COLORS: Row = {
  number: 7, title: "colors/faker, node-ipc 2022: the maintainer's own sabotage", payload: "import", expected: [["WITHDRAWN"]], isWithdrawn: true,
  attack: {
    // The loop is finite here: it is the mark that tells.
    releases: [...before("@replay/colors", ["1.3.0", "1.4.0"], { run: runOf("colors") }), release("@replay/colors", "1.4.1", 6 * HOUR, { run: runOf("colors"), main: `for (const line of ["LIBERTY", "LIBERTY", "LIBERTY"]) console.log(line)\n${payload("row 7")}` })],
    dependencies: { "@replay/colors": "^1.3.0" }, judged: ["@replay/colors@1.4.1"],
  },
  twin: {
    releases: [...before("@replay/colors-twin", ["1.3.0", "1.4.0"], { run: runOf("colors-twin") }), release("@replay/colors-twin", "1.4.1", TWIN_AGE, { run: runOf("colors-twin"), main: "for (const line of ['a', 'b']) console.log(line)\n" })],
    dependencies: { "@replay/colors-twin": "^1.3.0" }, judged: ["@replay/colors-twin@1.4.1"],
  },
  honest: "the same author, the same pipeline, a change of the same file; five days old and not withdrawn",
}

const LAPSED: Person = { name: "figlief", email: "figlief@lapsed.replay.example" }
const REVIVED_YEARS = 3

function revived(name: string, ageSeconds: number, person: Person, owners: readonly [string, string], main: string): Release[] {
  const by = { publisher: person, maintainers: [person] }
  const run = { ...runOf("ctx"), repository: "https://github.com/replay-ctx/ctx" }
  return [
    ...before(name, ["0.1.1", "0.1.2"], { ...by, run: { ...run, ownerId: owners[0] } }, [(365 * REVIVED_YEARS + 200) * DAY, (365 * REVIVED_YEARS + 10) * DAY]),
    release(name, "0.2.2", ageSeconds, { ...by, run: { ...run, ownerId: owners[1] }, main }),
  ]
}

const CTX: Row = {
  number: 8, title: "ctx, phpass 2022: expired e-mail domain, re-registered GitHub account", payload: "import", expected: [["IDENTITY_CHANGED"], ["DORMANT_REVIVED"], ["MAINTAINER_DOMAIN_LAPSED"]],
  attack: { releases: revived("@replay/ctx", 6 * DAY, LAPSED, ["1001", "2002"], payload("row 8")), dependencies: { "@replay/ctx": "^0.2.0" }, judged: ["@replay/ctx@0.2.2"] },
  twin: { releases: revived("@replay/ctx-twin", 6 * DAY, ANN, ["1001", "1001"], "module.exports = 'still here'\n"), dependencies: { "@replay/ctx-twin": "^0.2.0" }, judged: ["@replay/ctx-twin@0.2.2"] },
  honest: "revived after as many years by its owner: the same owner id, a domain that answers",
}

const ACTION = "git+https://github.com/replay/changed-files@refs/tags"
const inputs = (tag: string, commit: string) => ({ ...runOf("pipeline"), inputs: [{ uri: `${ACTION}/${tag}`, commit }] })
const OLD_COMMIT = "4cd184a1dd542b79cca1d4d7938e4154a6520ca7"
const MOVED_COMMIT = "0e58ed8671d6b60d0890c21b07f8835ace038e67"

const TJ_ACTIONS: Row = {
  number: 12, title: "tj-actions 2025: action tags moved", payload: "import", expected: [["IDENTITY_CHANGED"]],
  attack: {
    releases: [...before("@replay/built", ["2.0.0", "2.1.0"], { run: inputs("v45", OLD_COMMIT) }), release("@replay/built", "2.1.1", FRESH, { run: inputs("v45", MOVED_COMMIT), main: payload("row 12") })],
    dependencies: { "@replay/built": "^2.0.0" }, judged: ["@replay/built@2.1.1"],
  },
  twin: {
    releases: [...before("@replay/built-twin", ["2.0.0", "2.1.0"], { run: inputs("v45", OLD_COMMIT) }), release("@replay/built-twin", "2.1.1", TWIN_AGE, { run: inputs("v46", MOVED_COMMIT), main: "module.exports = 'rebuilt'\n" })],
    dependencies: { "@replay/built-twin": "^2.0.0" }, judged: ["@replay/built-twin@2.1.1"],
  },
  honest: "builds with another commit of the same action as well, under a new tag",
}

export const IDENTITIES: readonly Row[] = [LEFT_PAD, COLORS, CTX, TJ_ACTIONS]
