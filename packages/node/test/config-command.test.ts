import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Ajv2020 } from "ajv/dist/2020.js"
import { describe, expect, test } from "vitest"
import { readInvocation } from "../src/config/arguments.ts"
import { MEMBER_NAMES, MEMBERS, optionOf, variableOf } from "../src/config/members.ts"
import { main } from "../src/main.ts"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { place, start } from "./network.ts"
import { tempFolder } from "./support.ts"

const schema = JSON.parse(readFileSync(new URL("../../spec/schemas/node-config.schema.json", import.meta.url), "utf8")) as { properties: Record<string, unknown> }
const matches = new Ajv2020({ allErrors: true }).compile(schema)

async function run(argv: readonly string[], env: Record<string, string> = {}): Promise<{ status: number; out: string; err: string }> {
  const printed = { out: "", err: "" }
  const status = await main(argv, { env, stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } }, once: () => undefined })
  return { status, ...printed }
}

function dataWith(text: string): string {
  const data = join(tempFolder(), "data")
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(join(data, "node.json"), text)
  return data
}

describe("config validate", () => {
  test.each([
    { name: "no JSON", text: '{\n  "listen": "127.0.0.1:1",\n  oops\n}', says: ["line 3"] },
    { name: "JSON that ends too early", text: '{\n  "listen": "127.0.0.1:1"\n', says: ["line 3"] },
    { name: "a list", text: "[]", says: ["an array", "expected an object"] },
    { name: "an unknown member", text: '{\n  "listen": "127.0.0.1:1",\n  "lissen": "x"\n}', says: ["line 3", "$.lissen", "no such member"] },
    { name: "the data folder, which no file in it can name", text: '{ "data": "/x" }', says: ["line 1", "$.data"] },
    { name: "a prototype", text: '{\n "__proto__": {}\n}', says: ["line 2", "__proto__"] },
    { name: "a member twice", text: '{\n  "url": "https://a.example/",\n\n  "url": "https://b.example/"\n}', says: ["line 4", '"url"', "twice"] },
    { name: "a number for a text", text: '{\n\n  "listen": 4790\n}', says: ["line 3", "$.listen", "4790"] },
    { name: "a text for a flag", text: '{\n  "rebuild": "yes"\n}', says: ["line 2", "$.rebuild", "true or false"] },
    { name: "a text for a list", text: '{\n  "registry": "https://a.example/"\n}', says: ["line 2", "$.registry", "an array"] },
    { name: "a wrong item", text: '{\n  "logLevel": "info",\n  "registry": [\n    1\n  ]\n}', says: ["line 3", "$.registry[0]"] },
    { name: "a port too large", text: '{\n  "listen": "127.0.0.1:99999"\n}', says: ["line 2", "$.listen", "99999", "HOST:PORT"] },
    { name: "a level that is none", text: '{\n  "url": "https://a.example/",\n  "logLevel": "loud"\n}', says: ["line 3", "$.logLevel", "loud"] },
    { name: "a format that is none", text: '{\n  "logFormat": "xml"\n}', says: ["line 2", "$.logFormat", "json, pretty"] },
    { name: "a role that is neither on nor off", text: '{\n  "attester": "maybe"\n}', says: ["line 2", "$.attester", "maybe"] },
    { name: "look-ups that are neither on nor off", text: '{\n  "historyLookups": "maybe"\n}', says: ["line 2", "$.historyLookups", "maybe"] },
    { name: "a name for a name server's address", text: '{\n  "dnsServer": ["dns.example"]\n}', says: ["line 2", "$.dnsServer", "dns.example"] },
    { name: "a name server at a port too large", text: '{\n  "dnsServer": ["192.0.2.53:70000"]\n}', says: ["line 2", "$.dnsServer", "70000"] },
    { name: "an operator with capitals", text: '{\n  "operator": "Alpha"\n}', says: ["line 2", "$.operator", "lower-case"] },
    { name: "credentials in a URL", text: '{\n  "url": "https://user:secret@a.example/"\n}', says: ["line 2", "$.url", "without credentials"] },
    { name: "a key that is none", text: '{\n  "publisherKey": ["acme"]\n}', says: ["line 2", "$.publisherKey"] },
    { name: "null", text: '{\n  "operator": null\n}', says: ["line 2", "$.operator"] },
  ])("refuses: $name", async ({ text, says }) => {
    const path = join(tempFolder(), "candidate.json")
    writeFileSync(path, text)
    const { status, out, err } = await run(["config", "validate", path, "--data", tempFolder()])
    expect([status, out]).toEqual([2, ""])
    expect(err).toContain("CONFIG_MALFORMED")
    for (const word of says) expect(err).toContain(word)
  })
  test("a file that is not there is refused", async () => {
    expect(await run(["config", "validate", "/no/such.json", "--data", tempFolder()])).toMatchObject({ status: 2, err: expect.stringContaining("does not exist") })
  })
  test("accepts what a node reads, and the schema does too", async () => {
    const text = JSON.stringify({ listen: "[::1]:1", operator: "alpha", url: "https://a.example/", roster: "r.json", registry: ["https://a.example/"], allowPrivateAddresses: true, logLevel: "debug", logFormat: "pretty", rebuild: false, gitHost: ["git.example"] })
    const path = join(tempFolder(), "good.json")
    writeFileSync(path, text)
    expect(await run(["config", "validate", path, "--data", tempFolder()])).toEqual({ status: 0, out: `${path} is valid\n`, err: "" })
    expect([matches(JSON.parse(text)), matches.errors]).toEqual([true, null])
  })
  test("the schema names every member and no other, and refuses unknown ones", () => {
    expect(Object.keys(schema.properties).sort()).toEqual([...MEMBER_NAMES].sort())
    expect(matches({ lissen: "x" })).toBe(false)
    expect(matches({ listen: 1 })).toBe(false)
  })
})

describe("config show", () => {
  const shown = async (argv: string[], env: Record<string, string> = {}) => {
    const { status, out } = await run(["config", "show", "--json", ...argv], env)
    expect(status).toBe(0)
    return new Map((JSON.parse(out) as { members: { member: string; value: unknown; source: string }[] }).members.map(({ member, value, source }) => [member, { value, source }]))
  }
  test("arguments win over the environment, it over the file, it over the default", async () => {
    const data = dataWith(JSON.stringify({ listen: "127.0.0.1:3", url: "https://file.example/", logLevel: "debug" }))
    const env = { VOUCHSAFE_NODE_LISTEN: "127.0.0.1:2", VOUCHSAFE_NODE_URL: "https://env.example/" }
    const members = await shown(["--data", data, "--listen", "127.0.0.1:1"], env)
    expect(members.get("listen")).toEqual({ value: "127.0.0.1:1", source: "arguments" })
    expect(members.get("url")).toEqual({ value: "https://env.example/", source: "environment" })
    expect(members.get("logLevel")).toEqual({ value: "debug", source: "file" })
    expect(members.get("logFormat")).toEqual({ value: "json", source: "default" })
    expect([...members.keys()]).toEqual(MEMBER_NAMES)
    expect(readInvocation(["--data", data, "--listen", "127.0.0.1:1"], env).config).toMatchObject({ listen: { port: 1 }, url: "https://env.example/", logLevel: "debug" })
  })
  test("every member can be said in the environment", () => {
    const words: Record<string, string> = { text: "x", path: "f", flag: "true", list: "a b", pairs: "https://a.example/=f" }
    const more: Record<string, string> = { listen: "127.0.0.1:1", url: "https://a.example/", trustMirror: "https://t.example/", logLevel: "warn", logFormat: "pretty", attester: "on", witness: "off", mirror: "all", historyLookups: "off", dnsServer: "192.0.2.53 [2001:db8::53]:5353", artifacts: "off", artifactQuota: "1GiB", artifactBandwidth: "1MiB", registry: "https://a.example/ https://b.example/", gitHost: "a.example b.example", publisherKey: "", storage: "postgres://u@h/d", objects: "s3://bucket/node", adminKey: "", nodeUrl: "http://node-a:4790/ http://node-b:4790/", rosterSource: "https://a.example/tuf/ https://b.example/tuf/", p2pListen: "/ip4/127.0.0.1/tcp/0 /p2p-circuit", p2pAnnounce: "/dns4/a.example/tcp/4001", p2pBootstrap: `/dns/a.example/tcp/4001/p2p/12D3Koo${"W".repeat(45)}` }
    const env = Object.fromEntries(MEMBER_NAMES.map((member) => [variableOf(member), more[member] ?? words[MEMBERS[member]] as string]))
    const { layered, config } = readInvocation(["--data", tempFolder()], env)
    for (const member of MEMBER_NAMES) expect([member, layered.sources[member]]).toEqual([member, member === "publisherKey" || member === "adminKey" ? "default" : "environment"])
    expect(config).toMatchObject({ registries: ["https://a.example/", "https://b.example/"], gitHosts: ["a.example", "b.example"], rebuild: true, logFormat: "pretty" })
  })
  test.each([
    [{ VOUCHSAFE_NODE_REBUILD: "yes" }, "VOUCHSAFE_NODE_REBUILD"], [{ VOUCHSAFE_NODE_LISTEN: "nowhere" }, "HOST:PORT"], [{ VOUCHSAFE_NODE_REGISTRY: "  " }, "at least one value"],
  ])("refuses a wrong environment: %j", async (env, says) => {
    expect(await run(["config", "show", "--data", tempFolder()], env as Record<string, string>)).toMatchObject({ status: 2, err: expect.stringContaining(says) })
  })
  test("for people: a line a member", async () => {
    const { out } = await run(["config", "show", "--data", dataWith('{"logLevel":"warn"}')])
    expect(out).toMatch(/^logLevel +file +warn$/m)
    expect(out.trim().split("\n")).toHaveLength(1 + MEMBER_NAMES.length)
  })
})

describe("config set", () => {
  test.each([
    { name: "an unknown key", argv: ["lissen", "x"], says: "no member" },
    { name: "the data folder", argv: ["data", "/x"], says: "no member" },
    { name: "a prototype", argv: ["__proto__", "x"], says: "no member" },
    { name: "no value", argv: ["listen"], says: "config set KEY VALUE" },
    { name: "two values for one", argv: ["logLevel", "info", "warn"], says: "one value" },
    { name: "a value that does not fit", argv: ["listen", "nowhere"], says: "HOST:PORT" },
    { name: "a flag that is none", argv: ["rebuild", "yes"], says: "true or false" },
    { name: "an empty value", argv: ["operator", ""], says: "one value" },
    { name: "a file that is not there", argv: ["buildTokenFile", "tokens"], says: "a file that exists" },
    { name: "credentials", argv: ["url", "https://u:p@a.example/"], says: "without credentials" },
    { name: "another operator than that of the keys", argv: ["operator", "beta"], says: "expected alpha" },
  ])("refuses and writes nothing: $name", async ({ argv, says }) => {
    const data = dataWith('{"logLevel":"warn"}')
    loadOrCreateKeys(data, "alpha")
    const { status, err } = await run(["config", "set", ...argv, "--data", data])
    expect(status).toBe(2)
    expect(err).toContain(says)
    expect(readFileSync(join(data, "node.json"), "utf8")).toBe('{"logLevel":"warn"}')
  })
  test("refuses to build on a file that it cannot read", async () => {
    const data = dataWith('{"lissen":1}')
    expect((await run(["config", "set", "logLevel", "info", "--data", data])).status).toBe(2)
    expect(readFileSync(join(data, "node.json"), "utf8")).toBe('{"lissen":1}')
  })
  test("writes whole, 0600, keeps the rest; under both names of a member; the node reads it", async () => {
    const data = join(tempFolder(), "data")
    expect((await run(["config", "set", "log-level", "debug", "--data", data])).status).toBe(0)
    expect((await run(["config", "set", "registry", "https://a.example/", "https://b.example/", "--data", data])).status).toBe(0)
    writeFileSync(join(data, "tokens"), "", { mode: 0o600 })
    expect(JSON.parse((await run(["config", "set", "buildTokenFile", "tokens", "--json", "--data", data])).out)).toEqual({ file: join(data, "node.json"), member: "buildTokenFile", value: "tokens", restartNeeded: false })
    const path = join(data, "node.json")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(data).sort()).toEqual(["node.json", "tokens"])
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ logLevel: "debug", registry: ["https://a.example/", "https://b.example/"], buildTokenFile: "tokens" })
    expect(readInvocation(["--data", data], {}).config).toMatchObject({ logLevel: "debug", registries: ["https://a.example/", "https://b.example/"], buildTokenFile: join(data, "tokens") })
    expect(existsSync(join(data, "keys"))).toBe(false)
  })
  test("says that a running node must be restarted", async () => {
    const data = join(tempFolder(), "data")
    await start(place(data, {}, { npm_config_registry: "https://registry.example/" }))
    const { out } = await run(["config", "set", "logLevel", "warn", "--data", data])
    expect(out).toContain("restart it")
  })
})

test("an option of one command is refused with another", async () => {
  for (const argv of [["--to", "x"], ["fsck", "--with-keys"], ["backup", "--from", "x"], ["keys", "--json"]]) {
    expect(await run([...argv, "--data", tempFolder()])).toMatchObject({ status: 2, err: expect.stringContaining("USAGE") })
  }
  expect(optionOf("allowPrivateAddresses")).toBe("allow-private-addresses")
})
