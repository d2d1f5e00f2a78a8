import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { onTestFinished } from "vitest"

/** A folder of the test's own, gone with the test. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "vouchsafe-client-"))
  chmodSync(path, 0o700)
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Writes files below a folder. */
export function writeTree(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}
