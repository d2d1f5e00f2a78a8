import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, test } from "vitest"
import { runRebuilder } from "../src/rebuild/rebuilder.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const COMMIT = "0123456789abcdef0123456789abcdef01234567"

describe("rebuild: wrong usage, told before anything is fetched", () => {
  test.each<{ name: string, args: string[], says: string }>([
    { name: "a source without its commit", args: ["x@1.0.0", "--source", "https://git.example/a/b"], says: "belong together" },
    { name: "a commit without its source", args: ["x@1.0.0", "--commit", COMMIT], says: "belong together" },
    { name: "a branch for a commit", args: ["x@1.0.0", "--source", "https://git.example/a/b", "--commit", "main"], says: "--commit is \"main\"" },
    { name: "a commit cut short", args: ["x@1.0.0", "--source", "https://git.example/a/b", "--commit", "0123456"], says: "--commit is" },
    { name: "no date", args: ["x@1.0.0", "--frozen-at", "yesterday"], says: "--frozen-at is \"yesterday\"" },
    { name: "a range", args: ["x@^1.0.0"], says: "x" },
    { name: "no version", args: ["x"], says: "x" },
    { name: "signers that are not there", args: ["x@1.0.0", "--allowed-signers", "/nowhere/signers"], says: "/nowhere/signers is no file" },
    { name: "an option that there is not", args: ["x@1.0.0", "--force"], says: "--force" },
  ])("$name", async ({ args, says }) => {
    const { status, out, err } = await vouchsafe(dir, ["rebuild", ...args, "--json"])
    expect([status, (documentIn(out) as { error: { code: string } }).error.code]).toEqual([2, expect.any(String)])
    expect(err).toContain(says)
  })

  test("a recipe that is no JSON", async () => {
    writeFileSync(join(dir, "recipe.json"), "{")
    const { status, err } = await vouchsafe(dir, ["rebuild", "x@1.0.0", "--recipe", "recipe.json"])
    expect([status, err]).toEqual([2, expect.stringContaining("is no JSON")])
  })
})

describe("the rebuilder's process", () => {
  const none = { onStep: () => undefined, onLog: () => undefined }
  /** A runtime that answers instead of Node. */
  const fake = (name: string, script: string): { env: Record<string, string | undefined> } => {
    const path = join(dir, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
    return { env: { ...environment(dir), VOUCHSAFE_NODE_RUNTIME: path, NPM_TOKEN: "canary-token", HOME: "/home/somebody" } }
  }
  const io = ({ env }: { env: Record<string, string | undefined> }) => ({ stdout: { write: () => undefined }, stderr: { write: () => undefined }, env, cwd: dir, isTty: false })

  test("hands out steps, logs and the result", async () => {
    const steps: string[] = []
    const given = fake("good", "cat >/dev/null; echo '{\"type\":\"step\",\"name\":\"source\"}'; echo '{\"type\":\"log\",\"text\":\"x\"}'; echo '{\"type\":\"result\",\"result\":{\"status\":\"failed\",\"step\":\"source\",\"code\":\"X\",\"detail\":\"y\"}}'")
    const result = await runRebuilder(io(given), { a: 1 }, { onStep: (name) => steps.push(name), onLog: (text) => steps.push(text) })
    expect([steps, result]).toEqual([["source", "x"], { status: "failed", step: "source", code: "X", detail: "y" }])
  })

  test("THREATS A10: gets no token of the person's environment", async () => {
    const given = fake("env", "cat >/dev/null; printf '{\"type\":\"log\",\"text\":\"%s\"}\\n' \"$(env | cut -d= -f1 | tr '\\n' ' ')\"; echo '{\"type\":\"result\",\"result\":{\"status\":\"failed\"}}'")
    let names = ""
    await runRebuilder(io(given), {}, { ...none, onLog: (text) => { names = text } })
    expect(names).toContain("PATH")
    expect(names).not.toMatch(/NPM_TOKEN|HOME/)
  })

  test.each<{ name: string, script: string, code: string, says: string }>([
    { name: "refuses the request", script: "cat >/dev/null; echo 'recipe: no steps' >&2; exit 2", code: "USAGE", says: "recipe: no steps" },
    { name: "ends without a result", script: "cat >/dev/null; echo boom >&2; exit 1", code: "UPSTREAM_FAILED", says: "without a result: boom" },
    { name: "is gone before it reads", script: "exit 9", code: "UPSTREAM_FAILED", says: "ended with 9" },
  ])("$name", async ({ name, script, code, says }) => {
    await expect(runRebuilder(io(fake(name.replaceAll(" ", "-"), script)), { big: "x".repeat(500_000) }, none)).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string })
  })
})
