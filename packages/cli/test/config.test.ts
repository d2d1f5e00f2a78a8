import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { ensureBuilt } from "./support/built.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

beforeAll(() => ensureBuilt("node", "dist/bin.js"))

test("config: refusals have status 2 and say why; what is set is shown with its source", async () => {
  const dir = temporaryFolder()
  const data = join(dir, "data")
  const bad = join(dir, "bad.json")
  writeFileSync(bad, '{\n  "listen": "nowhere"\n}')
  for (const [argv, says] of [
    [["config", "validate", bad], "line 2"], [["config", "validate", join(dir, "none.json")], "does not exist"], [["config", "set", "lissen", "x", "--data", data], "no member"],
    [["config", "set", "listen", "nowhere", "--data", data], "HOST:PORT"], [["config", "set", "listen"], "value"], [["config", "nonsense"], "nonsense"],
  ] as const) {
    const { status, out, err } = await vouchsafe(dir, argv)
    expect([argv, status, out]).toEqual([argv, EXIT.usage, ""])
    expect(err).toContain(says)
    const { error } = documentIn((await vouchsafe(dir, [...argv, "--json"])).out) as { error: { code: string; message: string } }
    expect([argv, error.code, error.message.includes(says)]).toEqual([argv, expect.stringMatching(/^(?:USAGE|CONFIG_MALFORMED)$/), true])
  }
  expect((await vouchsafe(dir, ["config", "set", "logLevel", "warn", "--data", data])).status).toBe(EXIT.done)
  expect(JSON.parse(readFileSync(join(data, "node.json"), "utf8"))).toEqual({ logLevel: "warn" })
  expect(statSync(join(data, "node.json")).mode & 0o777).toBe(0o600)
  const { status, out } = await vouchsafe(dir, ["config", "show", "--data", data, "--json"])
  expect(status).toBe(EXIT.done)
  expect(documentIn(out)["members"]).toContainEqual({ member: "logLevel", value: "warn", source: "file" })
  expect((await vouchsafe(dir, ["config", "validate", join(data, "node.json")])).status).toBe(EXIT.done)
}, 120_000)
