import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { isRegistryId } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { loadNpmConfig } from "../../src/node/npm-config.ts"
import { temporaryDirectory, writeTree } from "../support/temp.ts"

/** A person's whole npm world in a temporary folder: nothing of the machine's own configuration is read. */
function machine(files: Readonly<Record<string, string>> = {}) {
  const root = temporaryDirectory()
  writeTree(root, { "project/package.json": "{}", "home/.keep": "", "npm/bin/npm-cli.js": "", ...files })
  return {
    root, dir: join(root, "project"),
    env: { HOME: join(root, "home"), PREFIX: join(root, "prefix"), npm_execpath: join(root, "npm/bin/npm-cli.js") } as Record<string, string>,
  }
}

describe("registries", () => {
  test("npm's own default where nothing is configured", async () => {
    const { dir, env } = machine()
    const npm = await loadNpmConfig({ dir, env })
    expect(isRegistryId(npm.default)).toBe(true)
    expect(npm.default).toMatch(/^https:/)
    expect(npm.registryFor("a")).toBe(npm.default)
    expect(npm.scopes).toEqual({})
  })

  test("every source, the stronger over the weaker", async () => {
    const files = {
      "npm/npmrc": "registry=https://builtin.example/\n@builtin:registry=https://builtin.example/s/\n",
      "prefix/etc/npmrc": "registry=https://global.example\n@global:registry=https://global.example/s\n",
      "home/.npmrc": "registry=https://user.example\n@user:registry=https://user.example/s\n",
      "project/.npmrc": "registry=https://project.example\n@project:registry=https://project.example/s\n",
    }
    const all = machine(files)
    const environment = { ...all.env, npm_config_registry: "https://env.example", "npm_config_@env:registry": "https://env.example/s" }
    const npm = await loadNpmConfig({ dir: all.dir, env: environment })
    expect(npm.default).toBe("https://env.example/")
    expect(npm.scopes).toEqual(Object.fromEntries(["builtin", "global", "user", "project", "env"].map((name) => [`@${name}`, `https://${name}.example/s/`])))

    const order = ["project/.npmrc", "home/.npmrc", "prefix/etc/npmrc", "npm/npmrc"] as const
    for (const [i, name] of ["project", "user", "global", "builtin"].entries()) {
      const fewer = machine(Object.fromEntries(order.slice(i).map((file) => [file, files[file]])))
      expect((await loadNpmConfig(fewer)).default).toBe(`https://${name}.example/`)
    }
  })

  test("by scope, else the default", async () => {
    const npm = await loadNpmConfig(machine({ "project/.npmrc": "registry=https://registry.example/\n@corp:registry=https://npm.corp.example/x\n" }))
    expect(["a", "@corp/a", "@other/a", "@corp", "@Corp/a", "corp/a", "__proto__"].map((name) => npm.registryFor(name))).toEqual([
      "https://registry.example/", "https://npm.corp.example/x/", "https://registry.example/", "https://registry.example/", "https://registry.example/", "https://registry.example/", "https://registry.example/",
    ])
  })

  test("with variables in the file, as npm reads them", async () => {
    const { dir, env } = machine({ "project/.npmrc": "registry=https://${WHERE}.example/\n" })
    expect((await loadNpmConfig({ dir, env: { ...env, WHERE: "corp" } })).default).toBe("https://corp.example/")
  })

  test("of a workspace member: the root's file", async () => {
    const { root, env } = machine({ "project/package.json": "{\"name\":\"r\",\"version\":\"1.0.0\",\"workspaces\":[\"packages/*\"]}", "project/packages/a/package.json": "{\"name\":\"a\",\"version\":\"1.0.0\"}", "project/.npmrc": "registry=https://root.example/\n" })
    expect((await loadNpmConfig({ dir: join(root, "project/packages/a"), env })).default).toBe("https://root.example/")
  })

  test("other settings, and where the user's file is", async () => {
    const { root, dir, env } = machine({ "project/.npmrc": "replace-registry-host=always\n" })
    const npm = await loadNpmConfig({ dir, env })
    expect(npm.raw("replace-registry-host")).toBe("always")
    expect(npm.raw("no-such-setting")).toBeUndefined()
    expect(npm.userConfigPath).toBe(join(root, "home/.npmrc"))
    expect((await loadNpmConfig({ dir, env: { ...env, npm_config_userconfig: join(root, "other") } })).userConfigPath).toBe(join(root, "other"))
  })

  test("leaves the caller's environment as it was", async () => {
    const { dir, env } = machine({ "project/.npmrc": "registry=https://registry.example/\n" })
    const before = { ...env }
    const own = { ...process.env }
    await loadNpmConfig({ dir, env: Object.freeze(env) })
    expect(env).toEqual(before)
    expect(process.env).toEqual(own)
  })

  test("prints nothing, also where npm would warn", async () => {
    const { dir, env } = machine({ "project/.npmrc": "unknown-setting=1\nregistry=https://registry.example/\n" })
    const script = `import { loadNpmConfig } from ${JSON.stringify(new URL("../../src/node/npm-config.ts", import.meta.url).href)}; await loadNpmConfig(${JSON.stringify({ dir, env })})`
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--conditions=source", "--input-type=module-typescript", "-e", script], { encoding: "utf8" })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" })
  })

  test.each([
    { name: "credentials", value: "https://user:canary@registry.example/" }, { name: "a query", value: "https://registry.example/?a=b" },
    { name: "another scheme", value: "ftp://registry.example/" }, { name: "no URL", value: "registry" },
  ])("refuses a registry with $name, without repeating it", async ({ value }) => {
    for (const line of [`registry=${value}`, `@corp:registry=${value}`]) {
      const error = await loadNpmConfig(machine({ "project/.npmrc": `${line}\n` })).catch((caught: unknown) => caught)
      // npm itself drops what is no URL at all and falls back to its default.
      if (value === "registry" && line.startsWith("registry")) continue
      expect(error).toMatchObject({ code: "CONFIG_MALFORMED" })
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("canary")
    }
  })
})

describe("THREATS A8 credentials go only where scheme, host, port and path prefix match", () => {
  const RC = [
    "registry=https://registry.example/npm/", "@corp:registry=https://npm.corp.example:8443/", "@plain:registry=http://plain.example/",
    "//registry.example/npm/:_authToken=token-main", "//npm.corp.example:8443/:username=me", `//npm.corp.example:8443/:_password=${Buffer.from("pass").toString("base64")}`,
    "//plain.example/:_auth=bWU6cGFzcw==", "//unused.example/:_authToken=token-unused",
  ].join("\n")

  test.each([
    { url: "https://registry.example/npm/left-pad", header: "Bearer token-main" },
    { url: "https://registry.example/npm/@scope%2fleft-pad", header: "Bearer token-main" },
    { url: "https://REGISTRY.example:443/npm/left-pad/-/left-pad-1.0.0.tgz?x=1#y", header: "Bearer token-main" },
    { url: "https://npm.corp.example:8443/a", header: `Basic ${Buffer.from("me:pass").toString("base64")}` },
    { url: "http://plain.example/a", header: "Basic bWU6cGFzcw==" },
  ])("THREATS A8: sent to $url", async ({ url, header }) => {
    const npm = await loadNpmConfig(machine({ "project/.npmrc": RC }))
    expect(npm.credentialsFor(url)).toEqual({ header })
  })

  test.each([
    { name: "other scheme", url: "http://registry.example/npm/left-pad" },
    { name: "other host", url: "https://cdn.registry.example/npm/left-pad" },
    { name: "host with a suffix", url: "https://registry.example.evil.example/npm/left-pad" },
    { name: "other port", url: "https://registry.example:8443/npm/left-pad" },
    { name: "missing port", url: "https://npm.corp.example/a" },
    { name: "path above", url: "https://registry.example/left-pad" },
    { name: "path beside", url: "https://registry.example/npm-evil/left-pad" },
    { name: "path that climbs", url: "https://registry.example/npm/../evil/left-pad" },
    { name: "path that climbs, escaped", url: "https://registry.example/npm/%2e%2e/evil/left-pad" },
    { name: "path that climbs, slash escaped", url: "https://registry.example/npm/..%2fevil" },
    { name: "path that climbs, backslash", url: "https://registry.example/npm/..%5cevil" },
    { name: "credentials in the URL", url: "https://registry.example@evil.example/npm/left-pad" },
    { name: "user in the URL", url: "https://me:you@registry.example/npm/left-pad" },
    { name: "https for an http registry", url: "https://plain.example/a" },
    { name: "a host with a token that is no configured registry", url: "https://unused.example/a" },
    { name: "no URL", url: "left-pad" }, { name: "a file", url: "file:///registry.example/npm/" }, { name: "nothing", url: "" },
  ])("THREATS A8: never with $name", async ({ url }) => {
    const npm = await loadNpmConfig(machine({ "project/.npmrc": RC }))
    expect(npm.credentialsFor(url)).toBeUndefined()
  })

  test("THREATS A8: the longest matching path wins, and a path that does not cover the URL gives nothing", async () => {
    const npm = await loadNpmConfig(machine({
      "project/.npmrc": "registry=https://registry.example/\n//registry.example/:_authToken=root\n//registry.example/deep/er/:_authToken=deep\n",
    }))
    expect(["https://registry.example/a", "https://registry.example/deep/a", "https://registry.example/deep/er/a"].map((url) => npm.credentialsFor(url)?.header)).toEqual(["Bearer root", "Bearer root", "Bearer deep"])
  })

  test("THREATS A8: half a pair is nothing", async () => {
    const npm = await loadNpmConfig(machine({ "project/.npmrc": "registry=https://registry.example/\n//registry.example/:username=me\n" }))
    expect(npm.credentialsFor("https://registry.example/a")).toBeUndefined()
  })
})
