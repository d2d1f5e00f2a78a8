import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { readInvocation } from "../src/config/arguments.ts"
import { LISTEN_DEFAULT, parseListen } from "../src/config/checked.ts"
import { HELP } from "../src/config/help.ts"
import { GIT_HOSTS_DEFAULT } from "../src/config/values.ts"
import { randomBytes } from "node:crypto"
import { KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import { createLogger } from "../src/logger.ts"
import { warningLine, whyTooOld } from "../src/runtime.ts"
import { tempFolder } from "./support.ts"

function dataWith(config: unknown): string {
  const data = join(tempFolder(), "data")
  mkdirSync(data)
  writeFileSync(join(data, "node.json"), typeof config === "string" ? config : JSON.stringify(config))
  return data
}

/** What roles beyond the log are told when nobody says anything. */
const SAID_NOTHING = { logFormat: "json", rebuild: false, buildTokenFile: undefined, gitHosts: GIT_HOSTS_DEFAULT, publisherKeys: [], trustRoot: undefined, registryKeys: new Map<string, string>() }
const keyOf = (name: string, type: number = KEY_TYPE.ed25519, seed = randomBytes(32)): string => signerFromSeed(name, type, seed).verifier.vkey
const ONE_SEED = randomBytes(32)

describe("command line and node.json", () => {
  test("nothing said", () => {
    expect(readInvocation([], { VOUCHSAFE_HOME: "/home/me/vs" })).toMatchObject({
      command: "run",
      config: { data: "/home/me/vs/node", listen: parseListen(LISTEN_DEFAULT), operator: undefined, url: undefined, roster: undefined, registries: [], allowPrivateAddresses: false, logLevel: "info", ...SAID_NOTHING },
    })
  })
  test.each([
    [{ VOUCHSAFE_HOME: "/h" }, "/h/node"], [{ XDG_DATA_HOME: "/d" }, "/d/vouchsafe/node"], [{}, /\/\.local\/share\/vouchsafe\/node$/],
  ])("data folder under %j", (env, expected) => {
    expect(readInvocation([], env).config.data).toEqual(typeof expected === "string" ? expected : expect.stringMatching(expected))
  })
  test("everything said, in each place; the command line wins", () => {
    const data = dataWith({ listen: "127.0.0.1:1", operator: "file", url: "http://file.example", roster: "r.json", registry: ["https://file.example"], allowPrivateAddresses: true, logLevel: "debug" })
    expect(readInvocation(["--data", data], {}).config).toEqual({
      data, listen: { host: "127.0.0.1", port: 1 }, operator: "file", url: "http://file.example/", roster: join(data, "r.json"),
      registries: ["https://file.example/"], allowPrivateAddresses: true, logLevel: "debug", ...SAID_NOTHING,
    })
    const argv = ["--data", data, "--listen", "[::1]:2", "--operator", "line", "--url", "https://line.example/x", "--roster", "/r2.json", "--registry", "https://a.example/", "--registry", "https://b.example", "--log-level", "error"]
    expect(readInvocation(argv, {}).config).toMatchObject({
      listen: { host: "::1", port: 2 }, operator: "line", url: "https://line.example/x/", roster: "/r2.json", registries: ["https://a.example/", "https://b.example/"], logLevel: "error",
    })
  })
  test("roles beyond the log, in each place; files are found from where they are named", () => {
    const [one, two] = [keyOf("acme"), keyOf("beta")]
    const data = dataWith({ rebuild: true, buildTokenFile: "tokens", gitHost: ["git.example:8443"], publisherKey: [one], trustRoot: "root.json", registryKeys: ["https://a.example/=keys.json"] })
    expect(readInvocation(["--data", data], {}).config).toMatchObject({
      rebuild: true, buildTokenFile: join(data, "tokens"), gitHosts: ["git.example:8443"], publisherKeys: [one], trustRoot: join(data, "root.json"),
      registryKeys: new Map([["https://a.example/", join(data, "keys.json")]]),
    })
    const argv = ["--data", data, "--build-token-file", "/t", "--git-host", "a.example", "--git-host", "b.example", "--publisher-key", two, "--trust-root", "/r.json", "--registry-keys", "https://b.example/x=/k.json"]
    expect(readInvocation(argv, {}).config).toMatchObject({
      rebuild: true, buildTokenFile: "/t", gitHosts: ["a.example", "b.example"], publisherKeys: [two], trustRoot: "/r.json", registryKeys: new Map([["https://b.example/x/", "/k.json"]]),
    })
  })
  test.each([
    [["keys"], "keys"], [["fsck", "--data", "x"], "fsck"], [["--help"], "help"], [["--version"], "version"], [["keys", "-h"], "help"],
  ])("%j is %s", (argv, command) => {
    expect(readInvocation(argv, { VOUCHSAFE_HOME: "/h" }).command).toBe(command)
  })
  test("the help names every option", () => {
    for (const option of ["data", "listen", "operator", "url", "roster", "registry", "allow-private-addresses", "log-level", "log-format", "to", "with-keys", "from", "keys", "witness-key", "without-witness", "accept-unwitnessed", "json", "rebuild", "build-token-file", "git-host", "publisher-key", "trust-root", "registry-keys", "storage", "objects", "admin-key", "admin-token-file"]) expect(HELP).toContain(`--${option}`)
  })

  test.each([
    { name: "an unknown option", argv: ["--lissen", "x"], code: "USAGE", says: "--lissen" },
    { name: "an unknown command", argv: ["start"], code: "USAGE", says: "start" },
    { name: "two commands", argv: ["keys", "fsck"], code: "USAGE", says: "keys fsck" },
    { name: "an option without its value", argv: ["--data"], code: "USAGE", says: "--data" },
    { name: "a listener without a port", argv: ["--listen", "127.0.0.1"], code: "CONFIG_MALFORMED", says: "HOST:PORT" },
    { name: "a port too large", argv: ["--listen", "127.0.0.1:65536"], code: "CONFIG_MALFORMED", says: "65536" },
    { name: "a port with a zero in front", argv: ["--listen", "127.0.0.1:080"], code: "CONFIG_MALFORMED", says: "080" },
    { name: "an operator with capitals", argv: ["--operator", "Alpha"], code: "CONFIG_MALFORMED", says: "lower-case" },
    { name: "an operator with a newline", argv: ["--operator", "a\nb"], code: "CONFIG_MALFORMED", says: "lower-case" },
    { name: "a URL with credentials", argv: ["--url", "https://user:pass@x.example/"], code: "CONFIG_MALFORMED", says: "without credentials" },
    { name: "a git host with a scheme", argv: ["--git-host", "https://git.example"], code: "CONFIG_MALFORMED", says: "git host" },
    { name: "a git host with credentials", argv: ["--git-host", "me@git.example"], code: "CONFIG_MALFORMED", says: "git host" },
    { name: "a git host with a pattern", argv: ["--git-host", "*.example"], code: "CONFIG_MALFORMED", says: "git host" },
    { name: "a publisher's key cut short", argv: ["--publisher-key", keyOf("acme").slice(0, -4)], code: "CONFIG_MALFORMED", says: "publisher key" },
    { name: "a publisher's key of a witness", argv: ["--publisher-key", keyOf("acme", KEY_TYPE.cosignatureEd25519)], code: "CONFIG_MALFORMED", says: "type 4" },
    { name: "one publisher's key under two names", argv: ["--publisher-key", keyOf("acme", 1, ONE_SEED), "--publisher-key", keyOf("other", 1, ONE_SEED)], code: "CONFIG_MALFORMED", says: "one key" },
    { name: "a database with a password", argv: ["--storage", "postgres://me:canary-secret@db.example/v"], code: "CONFIG_MALFORMED", says: "storage holds a password" },
    { name: "a database of another kind", argv: ["--storage", "mysql://canary-secret@db.example/v"], code: "CONFIG_MALFORMED", says: "storage is no address" },
    { name: "object storage with credentials", argv: ["--objects", "s3://id:canary-secret@bucket/p"], code: "CONFIG_MALFORMED", says: "without credentials" },
    { name: "object storage of another kind", argv: ["--objects", "https://canary-secret.example/bucket"], code: "CONFIG_MALFORMED", says: "objects is no address" },
    { name: "an admin's key cut short", argv: ["--admin-key", keyOf("ops").slice(0, -4)], code: "CONFIG_MALFORMED", says: "admin key" },
    { name: "an admin's key of a witness", argv: ["--admin-key", keyOf("ops", KEY_TYPE.cosignatureEd25519)], code: "CONFIG_MALFORMED", says: "type 4" },
    { name: "one admin's key under two names", argv: ["--admin-key", keyOf("ops", 1, ONE_SEED), "--admin-key", keyOf("other", 1, ONE_SEED)], code: "CONFIG_MALFORMED", says: "one key" },
    { name: "registry keys without a file", argv: ["--registry-keys", "https://a.example/"], code: "CONFIG_MALFORMED", says: "REGISTRY=FILE" },
    { name: "registry keys of one registry twice", argv: ["--registry-keys", "https://a.example/=/x", "--registry-keys", "https://a.example=/y"], code: "CONFIG_MALFORMED", says: "twice" },
    { name: "a URL of another kind", argv: ["--url", "ftp://x.example/"], code: "CONFIG_MALFORMED", says: "http(s)" },
    { name: "a registry with a query", argv: ["--registry", "https://x.example/?a=1"], code: "CONFIG_MALFORMED", says: "registry" },
    { name: "a log level that is none", argv: ["--log-level", "loud"], code: "CONFIG_MALFORMED", says: "silent, error" },
  ])("refused: $name", ({ argv, code, says }) => {
    expect(() => readInvocation(argv, { VOUCHSAFE_HOME: "/h" })).toThrow(expect.objectContaining({ code, message: expect.stringContaining(says) }))
    // An address may hold what belongs elsewhere: it is never repeated.
    expect(() => readInvocation(argv, { VOUCHSAFE_HOME: "/h" })).not.toThrow(/canary/)
  })
  test.each([
    { name: "no JSON", config: "{", says: "not JSON" },
    { name: "an array", config: [], says: "an object" },
    { name: "an unknown key", config: { lissen: "x" }, says: "$.lissen" },
    { name: "a port alone", config: { listen: 4790 }, says: "$.listen" },
    { name: "a registry that is no list", config: { registry: "https://a.example/" }, says: "$.registry" },
    { name: "a flag in quotes", config: { allowPrivateAddresses: "false" }, says: "$.allowPrivateAddresses" },
    { name: "far too much", config: JSON.stringify({ operator: "x".repeat(100_000) }), says: "characters" },
  ])("refused in node.json: $name", ({ config, says }) => {
    expect(() => readInvocation(["--data", dataWith(config)], {})).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) }))
  })
})

test.each([["22.13.0", false], ["22.14.1", false], ["24.0.0", false], ["22.12.9", true], ["20.20.2", true], ["18.0.0", true]])("Node %s is too old: %s", (version, tooOld) => {
  expect(whyTooOld(version) !== undefined).toBe(tooOld)
})

describe("log lines", () => {
  const written = (facts: object, message: string, secrets: string[] = []): string => {
    const lines: string[] = []
    createLogger({ level: "info", write: (line) => lines.push(line), secrets }).info(facts, message)
    return lines.join("")
  }
  test("one line of JSON with time and level", () => {
    expect(JSON.parse(written({ a: 1 }, "hello"))).toMatchObject({ level: "info", a: 1, msg: "hello", time: expect.stringMatching(/^20.*Z$/) })
  })
  test("nothing in them can move a terminal's cursor or turn its text around", () => {
    const nasty = "a\u001b[2J\u0007\r\nb\u009b31m\u202e\u2066\u200b\u2028\ufeffc\ud800"
    const line = written({ [nasty]: nasty }, nasty)
    expect(line.endsWith("\n")).toBe(true)
    expect(line.slice(0, -1)).toMatch(/^[\x20-\x7e]+$/)
    expect(JSON.parse(line).msg).toBe(nasty)
  })
  test("credentials are left out wherever they stand", () => {
    const line = written({ url: "https://registry.example/?token=canary-123456", nested: { header: "Bearer canary-123456" } }, "canary-123456 failed", ["canary-123456", ""])
    expect(line).not.toContain("canary")
    expect(JSON.parse(line)).toMatchObject({ msg: "[credential] failed" })
  })
  test("a credential is left out in the spelling that JSON gives it, too", () => {
    const secret = 'pa"ss\\word\nx'
    expect(written({ header: secret }, `failed with ${secret}`, [secret])).not.toMatch(/pa|word/)
  })
  test("for people: time, level, message, facts; nothing that JSON would not show either", () => {
    const lines: string[] = []
    createLogger({ level: "info", format: "pretty", write: (line) => lines.push(line), secrets: ["canary-123456"] }).warn({ size: 3, who: "a\u001b[2J\u202eb", token: "canary-123456" }, "two\nlines\u0007")
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^20\d\d-\S+Z WARN {2}two.*lines.* size=3 who="a.*b" token="\[credential\]"\n$/)
    expect(lines[0]?.slice(0, -1)).toMatch(/^[\x20-\x7e]+$/)
  })
  test("a warning of the runtime is a log line", () => {
    expect(JSON.parse(warningLine("ExperimentalWarning", "SQLite is\nnew", "2026-01-01T00:00:00.000Z"))).toEqual({ level: "warn", time: "2026-01-01T00:00:00.000Z", warning: "ExperimentalWarning", msg: "SQLite is\nnew" })
  })
  test("levels", () => {
    const lines: string[] = []
    const logger = createLogger({ level: "warn", write: (line) => lines.push(line) })
    logger.info({}, "no")
    logger.warn({}, "yes")
    expect(lines).toHaveLength(1)
  })
})
