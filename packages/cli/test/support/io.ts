import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { type CliIo, main } from "../../src/index.ts"

/** What a command line printed and how it ended. */
export interface Outcome {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** A place for tests of one file: no configuration of the machine is met there. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "vouchsafe-cli-"))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** An environment without anything of the person's, npm's files included. */
export function environment(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "", HOME: home, VOUCHSAFE_HOME: join(home, "vouchsafe"), npm_config_userconfig: join(home, "user.npmrc"), npm_config_globalconfig: join(home, "global.npmrc"),
    npm_config_registry: "https://registry.example/", ...more,
  }
}

/** Runs a command line in this process. */
export async function vouchsafe(cwd: string, argv: readonly string[], more: { readonly env?: Readonly<Record<string, string>>; readonly isTty?: boolean } = {}): Promise<Outcome> {
  const printed = { out: "", err: "" }
  const io: CliIo = {
    stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } },
    env: more.env ?? environment(cwd), cwd, isTty: more.isTty ?? false,
  }
  const status = await main(argv, io)
  return { status, ...printed }
}

/** The only document of an output; fails where there is none or more than one. */
export function documentIn(out: string): Record<string, unknown> {
  return JSON.parse(out) as Record<string, unknown>
}

/** Writes files below a folder. */
export function writeAll(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
}
