import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The root of this repository. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..")

/** A copy of the workspace's manifests and configuration without any source, to plant things into. */
export interface Workspace {
  readonly root: string
  /** Writes a file below the root; an object is written as JSON. */
  write(path: string, content: string | object): void
  remove(): void
}

const ROOT_FILES = ["package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml", "turbo.json"]
const PACKAGE_FILES = ["package.json", "turbo.json"]

/** Folder names of all packages of this repository. */
export function packageFolders(): string[] {
  return readdirSync(join(ROOT, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort()
}

/** Copies the workspace's outline to a temporary folder. */
export function copyOutline(): Workspace {
  const root = mkdtempSync(join(tmpdir(), "vouchsafe-outline-"))
  const files = [...ROOT_FILES, "test-e2e/package.json", ...packageFolders().flatMap((folder) => PACKAGE_FILES.map((name) => `packages/${folder}/${name}`))]
  for (const path of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    cpSync(join(ROOT, path), join(root, path))
  }
  return {
    root,
    write(path, content) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), typeof content === "string" ? content : `${JSON.stringify(content, undefined, 2)}\n`)
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}
