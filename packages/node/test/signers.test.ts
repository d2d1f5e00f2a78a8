import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { ALLOWED_SIGNERS_LENGTH_MAX } from "@vouchsafe/rebuilder"
import { readInvocation } from "../src/config/arguments.ts"
import { readSigners } from "../src/builds/signers.ts"
import { place, registryOf, start } from "./network.ts"
import { ask, tempFolder } from "./support.ts"

/** An Ed25519 key that nobody holds: all zeros in its 32 bytes but the last. */
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from("ssh-ed25519"), Buffer.from([0, 0, 0, 32]), Buffer.alloc(31), Buffer.from([1])]).toString("base64")}`
const FAKE = fileURLToPath(new URL("./fake-rebuilder.mjs", import.meta.url))

function file(content: string | Uint8Array, mode = 0o644): string {
  const path = join(tempFolder(), "allowed signers")
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe("a file of allowed signers", () => {
  test.each<{ name: string; path: () => string; code?: string; says: string }>([
    { name: "that is not there", path: () => "/nowhere/allowed_signers", says: "cannot be read" },
    { name: "that is a folder", path: tempFolder, says: "no plain file" },
    { name: "that is empty", path: () => file(""), says: "names no key" },
    { name: "over its bound", path: () => file(`# ${"x".repeat(ALLOWED_SIGNERS_LENGTH_MAX)}`), says: `expected at most ${ALLOWED_SIGNERS_LENGTH_MAX}` },
    { name: "that is no text", path: () => file(Uint8Array.of(0x61, 0xff, 0x0a)), says: "no UTF-8" },
    { name: "with a bad line, which is named", path: () => file(`# ours\nann@git.example ${KEY}\nben@git.example ssh-ed25519 AAAA\n`), says: "line 3: " },
    { name: "with several, of which the first is named", path: () => file(`ann@git.example\n\nben@git.example\n`), says: "line 1: the line does not start with principals and a key (and 1 more)" },
    { name: "with an option that no ssh-keygen knows", path: () => file(`ann@git.example until="2030" ${KEY}\n`), says: "line 1: " },
    { name: "with a private key", path: () => file("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"), says: "line 1: a private key" },
    { name: "with half of an OpenPGP key", path: () => file(`ann@git.example ${KEY}\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n`), says: "line 2: " },
    { name: "that anybody may change", path: () => file(`ann@git.example ${KEY}\n`, 0o646), code: "STATE_UNSAFE", says: "written by anybody" },
  ])("is refused: one $name", async ({ path, code, says }) => {
    await expect(readSigners(path())).rejects.toMatchObject({ code: code ?? "CONFIG_MALFORMED", message: expect.stringContaining(says) as string })
  })
  test("is named on the command line and in node.json, and found from there", () => {
    const data = join(tempFolder(), "data")
    mkdirSync(data)
    writeFileSync(join(data, "node.json"), JSON.stringify({ allowedSigners: "signers", trustMirror: "https://tuf.example/a", trustRootJson: "root.json" }))
    expect(readInvocation(["--data", data], {}).config).toMatchObject({ allowedSigners: join(data, "signers"), trustMirror: "https://tuf.example/a/", trustRootJson: join(data, "root.json") })
    expect(readInvocation(["--data", data, "--allowed-signers", "/s", "--trust-mirror", "http://127.0.0.1:1", "--trust-root-json", "/r"], {}).config).toMatchObject({ allowedSigners: "/s", trustMirror: "http://127.0.0.1:1/", trustRootJson: "/r" })
    for (const mirror of ["tuf.example", "https://u:p@tuf.example/", "https://tuf.example/?a", "file:///r", ""]) {
      expect(() => readInvocation(["--data", data, "--trust-mirror", mirror], {}), mirror).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
    }
  })
})

describe("a node with the role rebuilder", () => {
  const world = async (allowedSigners: string | undefined) => {
    const registry = await registryOf(1)
    const folder = tempFolder()
    const [mode, outside] = [join(folder, "mode"), join(folder, "outside")]
    writeFileSync(mode, "report")
    const at = place(join(folder, "data"), { registries: [registry.url], rebuild: true, gitHosts: ["git.example"], allowedSigners })
    return { registry, outside, at: { ...at, world: { ...at.world, rebuilder: [process.execPath, FAKE, mode, outside] } } }
  }
  const requestOf = async ({ registry, outside, at }: Awaited<ReturnType<typeof world>>): Promise<{ allowedSigners?: string }> => {
    const { listenUrl, adminSocket } = await start(at)
    const reply = await ask(listenUrl, { method: "POST", path: "/v1/builds", socketPath: adminSocket, headers: { "content-type": "application/json" }, body: JSON.stringify({ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }) })
    await ask(listenUrl, { path: `/v1/builds/${(JSON.parse(reply.body) as { id: string }).id}/log` })
    return (JSON.parse(readFileSync(outside, "utf8")) as { request: { allowedSigners?: string } }).request
  }

  test("hands the text to the rebuilder as it was at the start", async () => {
    const text = `# ours\nann@git.example ${KEY}\n`
    expect((await requestOf(await world(file(text)))).allowedSigners).toBe(text)
  })
  test("that was told of no signers hands over none", async () => {
    expect(await requestOf(await world(undefined))).not.toHaveProperty("allowedSigners")
  })
  test("does not start with a file that it cannot believe", async () => {
    const { at } = await world(file("nobody\n"))
    await expect(start(at)).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("line 1") as string })
  })
})
