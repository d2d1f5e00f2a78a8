import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Command } from "commander"
import { describe, expect, test } from "vitest"
import { COMMANDS } from "../src/commands/all.ts"

const ROOT = resolve(import.meta.dirname, "../../..")
const DOCUMENTS = [
  "README.md", ...readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}/README.md`), ...readdirSync(join(ROOT, "examples")).flatMap((name) => readdirSync(join(ROOT, "examples", name)).filter((file) => /\.(md|sh)$/.test(file)).map((file) => `examples/${name}/${file}`)),
]

/** Sources whose messages name commands as a next step. */
const SOURCES = ["audit", "client", "cli", "core", "node", "pnpm-plugin", "registry-shim", "yarn-plugin"].flatMap((name) => readdirSync(join(ROOT, "packages", name, "src"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts")).map((file) => `packages/${name}/src/${file}`))

/** Every command line that a document shows, from the program's name to the end of its code. */
function commandLines(text: string): string[] {
  const code = [...text.matchAll(/`((?:[^`\n]* )?vouchsafe [^`\n]*)`/g)].map(([, inner = ""]) => inner)
  const lines = text.split("\n").filter((line) => /^\s*(?:npx )?vouchsafe /.test(line))
  return [...code, ...lines].flatMap((line) => /(?<!--filter |[-/@\w])vouchsafe ((?:[a-z]|--)[^#;|&>]*)/.exec(line)?.[1] ?? []).map((line) => line.trim())
}

const io = { stdout: { write: () => undefined }, stderr: { write: () => undefined }, env: {}, cwd: ROOT, isTty: false }
const program = new Command("vouchsafe").enablePositionalOptions()
for (const load of Object.values(COMMANDS)) (await load())(program, io, () => undefined)

/** What is wrong with a command line: an unknown command or option. Arguments are the reader's. */
function wrongIn(line: string): string | undefined {
  const words = line.split(/\s+/).filter((word) => word !== "…")
  let command: Command = program
  while (words[0] !== undefined && command.commands.some((sub) => sub.name() === words[0])) {
    const name = words.shift()
    command = command.commands.find((sub) => sub.name() === name) as Command
  }
  if (command === program) return words[0] === "--help" || words[0] === "--version" ? undefined : `no command ${words[0] ?? ""}`
  if (command.name() === "node") return undefined
  const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words
  const unknown = own.find((word) => word.startsWith("--") && word !== "--help" && !command.options.some((option) => option.long === word.split("=")[0]))
  return unknown === undefined ? undefined : `${command.name()} has no ${unknown}`
}

test("a wrong line is seen", () => {
  expect(wrongIn("nonsense")).toBe("no command nonsense")
  expect(wrongIn("check --nonsense")).toBe("check has no --nonsense")
  expect(wrongIn("network up --nodes 4")).toBeUndefined()
  expect(wrongIn("run -- npm ci --ignore-scripts")).toBeUndefined()
  expect(commandLines("use `npx vouchsafe check`, or\n\n    vouchsafe run -- npm ci # here\n")).toEqual(["check", "run -- npm ci"])
})

describe("documents name commands and options that are there", () => {
  test.each(DOCUMENTS.filter((path) => existsSync(join(ROOT, path)) && commandLines(readFileSync(join(ROOT, path), "utf8")).length > 0))("%s", (path) => {
    expect(commandLines(readFileSync(join(ROOT, path), "utf8")).flatMap((line) => wrongIn(line) ?? [])).toEqual([])
  })
})

test("next steps in messages name commands and options that are there", () => {
  const named = SOURCES.flatMap((path) => commandLines(readFileSync(join(ROOT, path), "utf8").replaceAll("\\`", "`").replace(/\$\{[^}]*\}/g, " X ")).map((line) => ({ path, line })))
    // Sentences about the program itself.
    .filter(({ line }) => !/^(?:refused|could) /.test(line))
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter(({ line }) => wrongIn(line) !== undefined).map(({ path, line }) => `${path}: ${line}: ${wrongIn(line) ?? ""}`)).toEqual([])
})
