/** Rows 3, 9, 13, 14, 17, 20: one package, published with stolen credentials. @packageDocumentation */
import type { Row } from "../types.ts"
import { ANN, before, BOB, DAY, FRESH, HOUR, MALLORY, payload, release, runOf, SETTLED_AGE, tagged, TWIN_AGE, uncommitted } from "./parts.ts"

const POSTINSTALL = { scripts: { postinstall: "node ./install.js" } }
const HONEST_SCRIPT = { "install.js": "console.log(process.platform)\n" }

const ESLINT_SCOPE: Row = {
  number: 3, title: "eslint-scope 3.7.2, 2018: stolen token, postinstall", payload: "script", expected: [["NEW_INSTALL_SCRIPT"], ["SOURCE_NOT_FOUND"]],
  attack: {
    releases: [
      ...before("@replay/eslint-scope", ["3.7.0", "3.7.1"], tagged("eslint-scope")),
      release("@replay/eslint-scope", "3.7.2", FRESH, { ...uncommitted("eslint-scope"), manifest: POSTINSTALL, files: { "install.js": payload("row 3") } }),
    ],
    dependencies: { "@replay/eslint-scope": "^3.7.0" }, judged: ["@replay/eslint-scope@3.7.2"],
  },
  twin: {
    releases: [
      ...before("@replay/eslint-scope-twin", ["3.7.0", "3.7.1"], tagged("eslint-scope-twin")),
      release("@replay/eslint-scope-twin", "3.7.2", SETTLED_AGE, { ...tagged("eslint-scope-twin"), manifest: POSTINSTALL, files: HONEST_SCRIPT }),
    ],
    dependencies: { "@replay/eslint-scope-twin": "^3.7.0" }, judged: ["@replay/eslint-scope-twin@3.7.2"],
  },
  honest: "adds the same postinstall with a commit and a tag, and has stood for longer than settleAge",
}

const SOLANA: Row = {
  number: 9, title: "Ledger connect-kit 2023, solana web3.js 2024: hijacked publish, runtime payload", payload: "import", expected: [["PROVENANCE_LOST", "SOURCE_NOT_FOUND"]],
  attack: {
    releases: [...before("@replay/web3", ["1.95.4", "1.95.5"], tagged("web3")), release("@replay/web3", "1.95.6", 2 * HOUR, { ...uncommitted("web3"), main: payload("row 9") })],
    dependencies: { "@replay/web3": "^1.95.0" }, judged: ["@replay/web3@1.95.6"],
  },
  twin: {
    releases: [...before("@replay/web3-twin", ["1.95.4", "1.95.5"], tagged("web3-twin")), release("@replay/web3-twin", "1.95.6", TWIN_AGE, { ...tagged("web3-twin"), main: "module.exports = 'faster'\n" })],
    dependencies: { "@replay/web3-twin": "^1.95.0" }, judged: ["@replay/web3-twin@1.95.6"],
  },
  honest: "changes the same file, and its repository has the tag",
}

const PRETTIER: Row = {
  number: 13, title: "eslint-config-prettier Jul 2025: phished token", payload: "import", expected: [["PROVENANCE_LOST"]],
  attack: {
    releases: [...before("@replay/prettier-config", ["10.1.6", "10.1.7"], { run: runOf("prettier-config") }), release("@replay/prettier-config", "10.1.8", HOUR, { main: payload("row 13") })],
    dependencies: { "@replay/prettier-config": "^10.1.0" }, judged: ["@replay/prettier-config@10.1.8"],
  },
  twin: {
    releases: [...before("@replay/prettier-config-twin", ["10.1.6", "10.1.7"], { run: runOf("prettier-config-twin") }), release("@replay/prettier-config-twin", "10.1.8", TWIN_AGE, { run: runOf("prettier-config-twin"), main: "module.exports = 'fixed'\n" })],
    dependencies: { "@replay/prettier-config-twin": "^10.1.0" }, judged: ["@replay/prettier-config-twin@10.1.8"],
  },
  honest: "attested as before, by the same workflow",
}

const NX: Row = {
  number: 14, title: "nx Aug 2025: stolen token", payload: "script", expected: [["PROVENANCE_LOST"], ["NEW_INSTALL_SCRIPT"]],
  attack: {
    releases: [...before("@replay/nx", ["21.3.0", "21.4.0"], { run: runOf("nx") }), release("@replay/nx", "21.5.0", 3 * HOUR, { manifest: { scripts: { postinstall: "node telemetry.js" } }, files: { "telemetry.js": payload("row 14") } })],
    dependencies: { "@replay/nx": "^21.0.0" }, judged: ["@replay/nx@21.5.0"],
  },
  twin: {
    releases: [
      ...before("@replay/nx-twin", ["21.3.0", "21.4.0"], { run: runOf("nx-twin"), manifest: POSTINSTALL, files: HONEST_SCRIPT }),
      release("@replay/nx-twin", "21.5.0", TWIN_AGE, { run: runOf("nx-twin"), manifest: POSTINSTALL, files: { "install.js": "console.log(process.arch)\n" } }),
    ],
    dependencies: { "@replay/nx-twin": "^21.0.0" }, judged: ["@replay/nx-twin@21.5.0"],
  },
  honest: "attested as before, and had its postinstall before; what the script does changed",
}

/** Of another scope: whoever adds a package of the own scope adds its own. */
const NEWBORN = "@replay-stranger/plain-crypto"
const AGED = "@replay-elder/plain-crypto"
const MOVED = { name: ANN.name, email: "ann@elsewhere.replay.example" }

const AXIOS: Row = {
  number: 17, title: "axios 31 Mar 2026: hijacked account, new dependency hours old", payload: "script", expected: [["PROVENANCE_LOST"], ["IDENTITY_CHANGED"], ["NEWBORN_DEPENDENCY"]],
  attack: {
    releases: [
      ...before("@replay/axios", ["1.13.0", "1.14.0"], { run: runOf("axios"), maintainers: [ANN, BOB] }),
      release(NEWBORN, "4.2.1", 18 * HOUR, { publisher: MALLORY, maintainers: [MALLORY], manifest: { scripts: { postinstall: "node setup.js" } }, files: { "setup.js": payload("row 17") } }),
      release("@replay/axios", "1.14.1", HOUR, { publisher: MOVED, maintainers: [MOVED, BOB], manifest: { dependencies: { [NEWBORN]: "^4.2.1" } } }),
    ],
    dependencies: { "@replay/axios": "^1.13.0" }, judged: ["@replay/axios@1.14.1"],
  },
  twin: {
    releases: [
      ...before("@replay/axios-twin", ["1.13.0", "1.14.0"], { run: runOf("axios-twin"), maintainers: [ANN, BOB] }),
      release(AGED, "4.2.1", 500 * DAY, { manifest: { scripts: { postinstall: "node setup.js" } }, files: { "setup.js": "console.log(process.version)\n" } }),
      release("@replay/axios-twin", "1.14.1", TWIN_AGE, { run: runOf("axios-twin"), maintainers: [ANN, BOB], manifest: { dependencies: { [AGED]: "^4.2.1" } } }),
    ],
    dependencies: { "@replay/axios-twin": "^1.13.0" }, judged: ["@replay/axios-twin@1.14.1"],
  },
  honest: "adds a dependency of somebody else as well, which is old, and is attested as before",
}

/** What node-gyp would evaluate while it only reads the file. The command leaves a mark; nothing here ever runs it. */
const EXPANDING_GYP = `{ "targets": [{ "target_name": "x", "type": "none", "sources": ["<!(echo row 20 >> $REPLAY_MARKER)"] }] }\n`
const NATIVE = { "src/addon.cc": "int answer() { return 42; }\n" }
const HONEST_GYP = (flags: string): string => `{ "targets": [{ "target_name": "addon", "sources": ["src/addon.cc"]${flags} }] }\n`

/** npm says of a package with a gyp file what it will do with it; a thief's own client says nothing. */
const SAID = { packument: { gypfile: true, scripts: { install: "node-gyp rebuild" } } }
/** A stub, which packages' install scripts find before the manager's own: the real one would evaluate the file, and fetch headers. */
const GYP_STUB = { "node-gyp": "99.0.0" }

const PHANTOM_GYP: Row = {
  number: 20, title: "Phantom Gyp 3 Jun 2026: binding.gyp command expansion", payload: "gyp", expected: [["NEW_INSTALL_SCRIPT"]],
  attack: {
    releases: [...before("@replay/phantom", ["1.0.0", "1.1.0"]), release("@replay/phantom", "1.1.1", FRESH, { files: { "binding.gyp": EXPANDING_GYP } })],
    dependencies: { "@replay/phantom": "^1.0.0", ...GYP_STUB }, judged: ["@replay/phantom@1.1.1"],
  },
  twin: {
    releases: [
      ...before("@replay/phantom-twin", ["1.0.0", "1.1.0"], { ...SAID, files: { ...NATIVE, "binding.gyp": HONEST_GYP("") } }),
      release("@replay/phantom-twin", "1.1.1", TWIN_AGE, { ...SAID, files: { ...NATIVE, "binding.gyp": HONEST_GYP(', "cflags": ["-O2"]') } }),
    ],
    dependencies: { "@replay/phantom-twin": "^1.0.0", ...GYP_STUB }, judged: ["@replay/phantom-twin@1.1.1"],
  },
  honest: "changes a gyp file that was there before, beside its native sources",
}

export const TAKEOVERS: readonly Row[] = [ESLINT_SCOPE, SOLANA, PRETTIER, NX, AXIOS, PHANTOM_GYP]
