import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * Finds the material that tests share with other projects: conformance vectors and recorded data.
 * `VOUCHSAFE_SHARED` names the folder; by default it lies beside the repository.
 */
export function sharedPath(...parts: string[]): string {
  const root = process.env["VOUCHSAFE_SHARED"] ?? resolve(dirname(fileURLToPath(import.meta.url)), "../../../shared")
  const path = join(root, ...parts)
  if (!existsSync(path)) throw new Error(`shared material ${parts.join("/")} is missing: expected it under ${root}; set VOUCHSAFE_SHARED`)
  return path
}
