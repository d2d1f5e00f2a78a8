import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { VouchsafeError } from "@vouchsafe/core"
import { COMMANDS, commandsFor } from "../src/commands/all.ts"
import { EXIT } from "../src/index.ts"
import { printError } from "../src/output.ts"
import manifest from "../package.json" with { type: "json" }
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f]/

describe("help", () => {
  test("lists every command with what it does, and what the exit statuses mean", async () => {
    const { status, out, err } = await vouchsafe(dir, ["--help"])
    expect(status).toBe(EXIT.done)
    expect(err).toBe("")
    for (const name of Object.keys(COMMANDS)) expect(out).toMatch(new RegExp(`^  ${name}\\b.*[a-z]{4}`, "m"))
    expect(out).toContain("0 allowed or done, 1 refused, 2 wrong usage")
  })

  test.each(Object.keys(COMMANDS).filter((name) => name !== "node"))("%s --help tells its usage and options", async (name) => {
    const { status, out } = await vouchsafe(dir, [name, "--help"])
    expect(status).toBe(EXIT.done)
    expect(out).toContain(`Usage: vouchsafe ${name}`)
    // Every option says what it is for.
    expect(out.split("\n").filter((line) => /^ {2}--?\S+( <\S+>)?\s*$/.test(line))).toEqual([])
  })

  test("without a command: help, and status 2", async () => {
    const { status, out, err } = await vouchsafe(dir, [])
    expect({ status, out }).toEqual({ status: EXIT.usage, out: "" })
    expect(err).toContain("Usage: vouchsafe")
  })

  test.each([["help", "check"], ["help"]])("help %s", async (...argv) => {
    expect((await vouchsafe(dir, argv)).status).toBe(EXIT.done)
  })
})

test("--version is the published one, and loads no command", async () => {
  expect(await vouchsafe(dir, ["--version"])).toEqual({ status: 0, out: `${manifest.version}\n`, err: "" })
  expect(commandsFor(["--version"])).toEqual([])
  expect(commandsFor(["check", "--version"])).toEqual(["check"])
  expect(commandsFor(["constructor"])).toEqual(Object.keys(COMMANDS))
})

describe("wrong usage ends with 2, says what is wrong, and shows the way", () => {
  test.each([
    { argv: ["nonsense"], says: "unknown command 'nonsense'" },
    { argv: ["__proto__"], says: "unknown command '__proto__'" },
    { argv: ["--nonsense"], says: "unknown option '--nonsense'" },
    { argv: ["check", "--nonsense"], says: "unknown option '--nonsense'" },
    { argv: ["check", "a", "b"], says: "too many arguments" },
    { argv: ["explain"], says: "missing required argument 'spec'" },
    { argv: ["explain", "left"], says: "expected name@1.2.3 or @scope/name@1.2.3" },
    { argv: ["explain", "left@latest"], says: "is no exact package version" },
    { argv: ["explain", "left@^1.0.0"], says: "is no exact package version" },
    { argv: ["explain", "@scope@1.0.0"], says: "is no exact package version" },
    { argv: ["explain", "../left@1.0.0"], says: "is no exact package version" },
    { argv: ["explain", "pkg:npm/left"], says: "is no exact package version" },
    { argv: ["explain", "pkg:pypi/left@1.0.0"], says: "is no exact package version" },
    { argv: ["log"], says: "Usage: vouchsafe log" },
    { argv: ["log", "nonsense"], says: "unknown command 'nonsense'" },
    { argv: ["log", "inspect", "--format", "xml"], says: '--format is "xml", expected json or csv' },
    { argv: ["lockfile"], says: "Usage: vouchsafe lockfile" },
    { argv: ["lockfile", "list"], says: "missing required argument 'file'" },
    { argv: ["keys"], says: "--data, --operator and --url" },
    { argv: ["keys", "--data", "x", "--url", "http://127.0.0.1/"], says: "--data, --operator and --url" },
    { argv: ["keys", "new", "k"], says: "required option '--name <name>' not specified" },
    { argv: ["release", "left@1.0.0"], says: "required option '--key <file>' not specified" },
    { argv: ["release", "left", "--key", "k"], says: "is no exact package version" },
    { argv: ["release", "left@1.0.0", "--key", "k", "--commit", "abc"], says: "--repository and --commit belong together" },
    { argv: ["release", "left@1.0.0", "--key", "k", "--repository", "https://git.example/a", "--commit", "main"], says: '--commit is "main"' },
    { argv: ["build", "left", "--node", "http://127.0.0.1:1"], says: "is no exact package version" },
    { argv: ["build", "left@1.0.0", "--node", "127.0.0.1:1"], says: "is no URL of a node" },
    { argv: ["build", "left@1.0.0", "--node", "http://127.0.0.1:1", "--socket", "s"], says: "name two nodes" },
    { argv: ["build", "left@1.0.0"], says: "no node was named and none of your own runs" },
    { argv: ["build", "left@1.0.0", "--node", "http://127.0.0.1:1", "--source", "https://git.example/a"], says: "--source and --commit belong together" },
    { argv: ["build", "left@1.0.0", "--node", "http://node.example", "--token-file", "t"], says: "a token would be read on the way" },
    { argv: ["build", "status", "nonsense", "--node", "http://127.0.0.1:1"], says: "is no build" },
    { argv: ["export", "left@1.0.0"], says: "required option '--as <kind>' not specified" },
    { argv: ["export", "left@1.0.0", "--as", "sbom"], says: '--as is "sbom"' },
    { argv: ["export", "left@1.0.0", "--as", "summary"], says: "needs --key" },
    { argv: ["export", "left@1.0.0", "--as", "statement", "--key", "k"], says: "signed by the nodes" },
    { argv: ["network"], says: "Usage: vouchsafe network" },
    { argv: ["network", "up", "--nodes", "0"], says: '--nodes is "0", expected a number from 1 to 16' },
    { argv: ["network", "up", "--nodes", "17"], says: "from 1 to 16" },
    { argv: ["network", "up", "--nodes", "1e1"], says: "from 1 to 16" },
    { argv: ["network", "up", "--operators", "a,a"], says: "distinct names" },
    { argv: ["network", "up", "--operators", "A"], says: "distinct names" },
    { argv: ["network", "up", "--operators", ""], says: "distinct names" },
    { argv: ["network", "up", "--nodes", "2", "--threshold", "3"], says: '--threshold is "3", expected a number from 1 to 2' },
    { argv: ["network", "up", "--registry", "registry.example"], says: "registry URL is not of the form" },
    { argv: ["run"], says: "missing required argument" },
    { argv: ["run", "--jsn", "npm", "ci"], says: 'run has no option "--jsn"' },
    { argv: ["shim", "--manager", "cargo"], says: '--manager is "cargo", expected npm, pnpm or yarn' },
    ...["4873", "0.0.0.0:0", "127.0.0.1:", "registry.example:80"].map((listen) => ({ argv: ["shim", "--listen", listen], says: `--listen is "${listen}", expected a port on loopback` })),
    { argv: ["status", "--node", "node.example"], says: '"node.example" is no URL of a node' },
    { argv: ["check"], says: "no lockfile here or above" },
    { argv: ["check", "missing/package-lock.json"], says: "cannot be read" },
    { argv: ["lockfile", "list", "missing.lock"], says: "cannot be read" },
    { argv: ["lockfile", "list", "."], says: "cannot be read" },
    { argv: ["doctor"], says: "no vouchsafe.json found" },
    { argv: ["status"], says: "no vouchsafe.json found" },
    { argv: ["log", "verify"], says: "no vouchsafe.json found" },
    { argv: ["init", "--roster", "missing.json"], says: "missing.json cannot be read" },
  ])("vouchsafe $argv", async ({ argv, says }) => {
    const plain = await vouchsafe(dir, argv)
    expect(plain.status).toBe(EXIT.usage)
    expect(plain.err).toContain(says)
    expect(plain.out).toBe("")
    expect(plain.err).toMatch(/^vouchsafe: [A-Z_]+: .+\n {2}next: .+\n$|^Usage: /)
    const json = await vouchsafe(dir, [...argv, "--json"])
    expect(json.status).toBe(EXIT.usage)
    const { error } = documentIn(json.out) as { error: { code: string; message: string; hint: string } }
    expect(Object.keys(documentIn(json.out))).toEqual(["error"])
    expect(error.code).toMatch(/^[A-Z_]+$/)
    expect(error.message).not.toBe("")
    expect(error.hint).toMatch(/./)
  })

  test.each([
    { argv: ["chek"], err: "vouchsafe: USAGE: unknown command 'chek', expected check perhaps\n  next: `npx vouchsafe --help` lists the commands\n" },
    { argv: ["log", "verify", "--opertor", "x"], err: "vouchsafe: USAGE: unknown option '--opertor', expected --operator perhaps\n  next: `npx vouchsafe log verify --help` tells how it is used\n" },
    { argv: ["explain"], err: "vouchsafe: USAGE: missing required argument 'spec'\n  next: `npx vouchsafe explain --help` tells how it is used\n" },
  ])("the next step of vouchsafe $argv works as it is", async ({ argv, err }) => {
    expect((await vouchsafe(dir, argv)).err).toBe(err)
    const [, line = ""] = /`npx vouchsafe ([^`]*)`/.exec(err) ?? []
    expect((await vouchsafe(dir, line.split(" "))).status).toBe(EXIT.done)
  })
})

test("--json after -- belongs to the command that is run", async () => {
  const { out } = await vouchsafe(dir, ["run", "--", "npm", "ls", "--json"])
  expect(out).toBe("")
})

test("a network that was never started is the world's failure: 3", async () => {
  const { status, err } = await vouchsafe(dir, ["network", "status"])
  expect(status).toBe(EXIT.world)
  expect(err).toContain("vouchsafe network up")
})

describe("what is printed", () => {
  test.each([["--help"], ["nonsense"], ["doctor"], ["explain", "left"], ["check"]])("%s: no colour and no control character, on a terminal and with NO_COLOR", async (...argv) => {
    for (const isTty of [true, false]) {
      for (const env of [{}, { NO_COLOR: "1" }, { FORCE_COLOR: "3" }]) {
        const { out, err } = await vouchsafe(dir, argv, { isTty, env: { HOME: dir, VOUCHSAFE_HOME: dir, ...env } as Record<string, string> })
        expect(out).not.toMatch(CONTROL)
        expect(err).not.toMatch(CONTROL)
      }
    }
  })

  test("somebody's words cannot steer the terminal", async () => {
    const { err, out } = await vouchsafe(dir, ["explain", "left\u001b[2J@\u202e1", "--json"])
    expect(err).not.toMatch(CONTROL)
    expect(err).not.toContain("\u202e")
    expect(out).not.toContain("\u001b")
  })
})

describe("what fails unforeseen", () => {
  const io = () => {
    const printed = { out: "", err: "" }
    return { printed, io: { stdout: { write: (text: string) => { printed.out += text } }, stderr: { write: (text: string) => { printed.err += text } }, env: {}, cwd: dir, isTty: false } }
  }

  test("a bug keeps its stack, decides nothing, and is one document too", () => {
    const { printed, io: sink } = io()
    expect(printError(sink, new TypeError("boom"), true)).toBe(EXIT.world)
    expect(printed.err).toContain("internal error, nothing was decided: TypeError: boom")
    expect(documentIn(printed.out)).toEqual({ error: { code: "INTERNAL", message: "internal error, nothing was decided" } })
  })

  test.each(["CONFIG_MALFORMED", "ROSTER_MALFORMED", "UNREACHABLE", "TIMEOUT", "UPSTREAM_FAILED", "NOT_FOUND", "DISK", "SRI_MALFORMED"] as const)("%s names a next step, and never in place of its own", (code) => {
    const next = (hint?: string): string => {
      const { printed, io: sink } = io()
      printError(sink, new VouchsafeError(code, "x", { hint }), false)
      return printed.err
    }
    expect(next()).toMatch(/\n {2}next: ./)
    expect(next("do this")).toBe(`vouchsafe: ${code}: x\n  next: do this\n`)
  })

  test("what the system refuses is named", async () => {
    const locked = join(dir, "locked")
    mkdirSync(locked)
    writeFileSync(join(locked, "file"), "")
    // A file where a folder must be: refused for every user, root too.
    const { status, err } = await vouchsafe(join(locked, "file"), ["network", "up", "--nodes", "1"])
    chmodSync(locked, 0o755)
    expect(status).toBe(EXIT.world)
    expect(err).toMatch(/vouchsafe: DISK: mkdir .*file.* failed: ENOTDIR/)
  })
})
