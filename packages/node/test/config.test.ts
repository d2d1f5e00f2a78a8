import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { LISTEN_DEFAULT, parseListen, readInvocation } from "../src/config/arguments.ts"
import { HELP } from "../src/config/help.ts"
import { createLogger } from "../src/logger.ts"
import { whyTooOld } from "../src/runtime.ts"
import { tempFolder } from "./support.ts"

function dataWith(config: unknown): string {
  const data = join(tempFolder(), "data")
  mkdirSync(data)
  writeFileSync(join(data, "node.json"), typeof config === "string" ? config : JSON.stringify(config))
  return data
}

describe("command line and node.json", () => {
  test("nothing said", () => {
    expect(readInvocation([], { VOUCHSAFE_HOME: "/home/me/vs" })).toEqual({
      command: "run",
      config: { data: "/home/me/vs/node", listen: parseListen(LISTEN_DEFAULT), operator: undefined, url: undefined, roster: undefined, registries: [], allowPrivateAddresses: false, logLevel: "info" },
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
      registries: ["https://file.example/"], allowPrivateAddresses: true, logLevel: "debug",
    })
    const argv = ["--data", data, "--listen", "[::1]:2", "--operator", "line", "--url", "https://line.example/x", "--roster", "/r2.json", "--registry", "https://a.example/", "--registry", "https://b.example", "--log-level", "error"]
    expect(readInvocation(argv, {}).config).toMatchObject({
      listen: { host: "::1", port: 2 }, operator: "line", url: "https://line.example/x/", roster: "/r2.json", registries: ["https://a.example/", "https://b.example/"], logLevel: "error",
    })
  })
  test.each([
    [["keys"], "keys"], [["fsck", "--data", "x"], "fsck"], [["--help"], "help"], [["--version"], "version"], [["keys", "-h"], "help"],
  ])("%j is %s", (argv, command) => {
    expect(readInvocation(argv, { VOUCHSAFE_HOME: "/h" }).command).toBe(command)
  })
  test("the help names every option", () => {
    for (const option of ["data", "listen", "operator", "url", "roster", "registry", "allow-private-addresses", "log-level"]) expect(HELP).toContain(`--${option} `)
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
    { name: "a URL of another kind", argv: ["--url", "ftp://x.example/"], code: "CONFIG_MALFORMED", says: "http(s)" },
    { name: "a registry with a query", argv: ["--registry", "https://x.example/?a=1"], code: "CONFIG_MALFORMED", says: "registry" },
    { name: "a log level that is none", argv: ["--log-level", "loud"], code: "CONFIG_MALFORMED", says: "silent, error" },
  ])("refused: $name", ({ argv, code, says }) => {
    expect(() => readInvocation(argv, { VOUCHSAFE_HOME: "/h" })).toThrow(expect.objectContaining({ code, message: expect.stringContaining(says) }))
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
  test("levels", () => {
    const lines: string[] = []
    const logger = createLogger({ level: "warn", write: (line) => lines.push(line) })
    logger.info({}, "no")
    logger.warn({}, "yes")
    expect(lines).toHaveLength(1)
  })
})
