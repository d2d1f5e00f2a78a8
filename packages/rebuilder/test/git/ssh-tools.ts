import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

/** A folder of its own for one test file, removed at its end. */
export function workFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `vouchsafe-${name}-`))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The environment of every tool in tests: no configuration of the person who runs them, times in UTC. */
export const TOOL_ENV: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  HOME: "/nonexistent",
  TZ: "UTC",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
}

/** Runs a tool; the status and what it wrote. */
export function run(program: string, args: readonly string[], more: { input?: string | Uint8Array; cwd?: string; env?: Readonly<Record<string, string>> } = {}): { status: number | null; stdout: Buffer; stderr: string } {
  const result = spawnSync(program, [...args], { input: more.input, cwd: more.cwd, env: { ...TOOL_ENV, ...more.env }, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 })
  // A tool that refuses before it reads its input is an answer too.
  if (result.error !== undefined && (result.error as NodeJS.ErrnoException).code !== "EPIPE") throw result.error
  return { status: result.status, stdout: result.stdout, stderr: result.stderr.toString("utf8") }
}

/** Runs a tool that must succeed. */
export function must(program: string, args: readonly string[], more: Parameters<typeof run>[2] = {}): Buffer {
  const { status, stdout, stderr } = run(program, args, more)
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`)
  return stdout
}

/** An SSH key pair on disk. */
export interface SshKeyPair {
  /** Path of the private key. */
  readonly path: string
  /** `type base64`, without the comment. */
  readonly line: string
  /** As ssh-keygen shows it. */
  readonly fingerprint: string
}

/** Makes a key with ssh-keygen. */
export function makeSshKey(folder: string, name: string, type: string, bits?: number): SshKeyPair {
  const path = join(folder, name)
  must("ssh-keygen", ["-q", "-t", type, ...(bits === undefined ? [] : ["-b", String(bits)]), "-N", "", "-C", "test", "-f", path])
  const [keyType = "", base64 = ""] = readFileSync(`${path}.pub`, "utf8").split(" ")
  const fingerprint = must("ssh-keygen", ["-l", "-f", `${path}.pub`]).toString("utf8").split(" ")[1] ?? ""
  return { path, line: `${keyType} ${base64}`, fingerprint }
}

/** Signs bytes; the armored signature. */
export function sshSign(key: SshKeyPair, message: string | Uint8Array, namespace = "git", hash = "sha512"): string {
  return must("ssh-keygen", ["-Y", "sign", "-q", "-n", namespace, "-O", `hashalg=${hash}`, "-f", key.path], { input: message }).toString("utf8")
}

/** What ssh-keygen says: does this signature over this message count under this list? */
export function sshKeygenVerifies(folder: string, question: { allowed: string; signature: string; message: string | Uint8Array; identity: string; namespace?: string; time?: string }): boolean {
  const [allowed, signature] = [join(folder, "asked.allowed"), join(folder, "asked.sig")]
  writeFileSync(allowed, question.allowed)
  writeFileSync(signature, question.signature)
  const time = question.time === undefined ? [] : ["-O", `verify-time=${question.time}`]
  return run("ssh-keygen", ["-Y", "verify", "-q", ...time, "-n", question.namespace ?? "git", "-f", allowed, "-I", question.identity, "-s", signature], { input: question.message }).status === 0
}
