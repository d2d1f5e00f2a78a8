import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"

const ROOT = fileURLToPath(new URL("../../..", import.meta.url))
const read = (...parts: string[]): string => readFileSync(join(ROOT, ...parts), "utf8")
const CONTAINERFILE = read("examples/own-node/Containerfile")
const COMPOSE = read("examples/own-node/compose.yaml")

/** A list written as JSON: the exec form of a Containerfile, a flow sequence in YAML. */
function listAfter(text: string, start: RegExp): string[] {
  const found = text.split("\n").map((line) => start.exec(line)).find((match) => match !== null)
  return JSON.parse(found?.[1] ?? "null") as string[]
}

const COMMANDS = {
  Containerfile: listAfter(CONTAINERFILE, /^CMD (\[.*\])$/),
  "compose.yaml": listAfter(COMPOSE, /^ {4}command: (\[.*\])$/),
}

test("the container file has known instructions only, and runs the node as an unprivileged user", () => {
  const instructions = CONTAINERFILE.replaceAll("\\\n", " ").split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(" ")[0])
  expect(instructions).toEqual(["FROM", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"])
  const manifest = JSON.parse(read("packages/node/package.json")) as { readonly bin: Record<string, string> }
  expect(Object.keys(manifest.bin)).toEqual(listAfter(CONTAINERFILE, /^ENTRYPOINT (\[.*\])$/))
})

test("compose builds that file, keeps the data in a volume that it declares, and publishes on this machine only", () => {
  expect(COMPOSE).not.toContain("\t")
  expect(COMPOSE).toContain("dockerfile: Containerfile")
  expect(listAfter(COMPOSE, /^ {4}volumes: (\[.*\])$/)).toEqual(["node-data:/data"])
  expect(COMPOSE).toMatch(/^volumes:\n {2}node-data: \{\}$/m)
  expect(listAfter(CONTAINERFILE, /^VOLUME (\[.*\])$/)).toEqual(["/data"])
  for (const port of listAfter(COMPOSE, /^ {4}ports: (\[.*\])$/)) expect(port).toMatch(/^127\.0\.0\.1:4790:4790$/)
})

describe.each(Object.entries(COMMANDS))("the command of %s", (_, command) => {
  test("starts a node without a container, which ends with SIGTERM", async () => {
    const directory = mkdtempSync(join(tmpdir(), "vouchsafe-container-"))
    const here = command.map((part) => part.replace(/^\/data$/, directory).replace(/^0\.0\.0\.0:4790$/, "127.0.0.1:0"))
    const node = spawn(process.execPath, [
      "--conditions=source", "--disable-warning=ExperimentalWarning", join(ROOT, "packages/node/src/bin.ts"), ...here, "--registry", "https://registry.example/",
    ], { stdio: ["ignore", "pipe", "pipe"] })
    let complaint = ""
    node.stderr.on("data", (chunk: Buffer) => {
      complaint += chunk.toString("utf8")
    })
    const ended = new Promise<number | null>((resolve) => {
      node.on("close", resolve)
    })
    let said = ""
    await new Promise<void>((resolve) => {
      node.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString("utf8")
        if (said.includes("\n")) resolve()
      })
      node.on("close", () => resolve())
    })
    expect({ ready: said.includes("\"event\":\"ready\""), complaint: said === "" ? complaint : "" }).toEqual({ ready: true, complaint: "" })
    node.kill("SIGTERM")
    expect(await ended).toBe(0)
    rmSync(directory, { recursive: true, force: true })
  })
})
