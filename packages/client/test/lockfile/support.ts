import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { type Lockfile, type LockfileContext, parseLockfile } from "../../src/lockfile/index.ts"

const FIXTURES = join(import.meta.dirname, "fixtures")

/** A lockfile that its package manager wrote, with its own file name. */
export function fixture(folder: string): { readonly name: string; readonly text: string; readonly lockfile: Lockfile } {
  const [name = ""] = readdirSync(join(FIXTURES, folder))
  const text = readFileSync(join(FIXTURES, folder, name), "utf8")
  return { name, text, lockfile: parseLockfile(name, text) }
}

export const fixtureNames = readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name)

/** Everything from one registry, the scope `@scope` from another one. */
export const CONTEXT: LockfileContext = { registryFor: (name) => (name.startsWith("@scope/") ? "https://private.example/npm/" : "https://registry.example/") }

/** An integrity text whose digest is 64 times this byte. */
export const sri = (byte: number, algorithm: "sha512" | "sha1" = "sha512"): string => `${algorithm}-${Buffer.alloc(algorithm === "sha512" ? 64 : 20, byte).toString("base64")}`

export const tarball = (name: string, version = "1.0.0", registry = "https://registry.example/"): string => `${registry}${name}/-/${name.slice(name.indexOf("/") + 1)}-${version}.tgz`

/** A package-lock of version 3 with these places. */
export const packageLock = (packages: object, more: object = {}): string => JSON.stringify({ name: "root", lockfileVersion: 3, requires: true, packages: { "": { name: "root" }, ...packages }, ...more })

/** One line an entry, for comparing. */
export function summary({ entries }: Lockfile): string[] {
  return entries.map(({ kind, name, version, dev, optional }) => `${kind} ${name}@${version}${dev ? " dev" : ""}${optional ? " optional" : ""}`)
}

/** Expects that a text is refused as a lockfile, in words that hold `says`. */
export function expectMalformed(name: string, text: string, says: string): void {
  expect(() => parseLockfile(name, text)).toThrow(expect.objectContaining({ name: "VouchsafeError", code: "LOCKFILE_MALFORMED", message: expect.stringContaining(says), hint: expect.any(String) }))
}
