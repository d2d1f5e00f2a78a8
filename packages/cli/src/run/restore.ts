/**
 * Lockfiles as they would be without the shim: managers record where a package came from, and that was us.
 *
 * @packageDocumentation
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export interface RestoreOptions {
  /** The shim's base URL. */
  readonly url: string
  readonly registryFor: (name: string) => string
  /** Addresses of tarballs that lie elsewhere than registries keep them, by purl-like `name@version`. */
  readonly addresses: ReadonlyMap<string, string>
}

/** Files, relative to a project's root, that record addresses. */
export const RECORDING_FILES = ["package-lock.json", "npm-shrinkwrap.json", "node_modules/.package-lock.json", "pnpm-lock.yaml", "node_modules/.pnpm/lock.yaml", "yarn.lock", "node_modules/.yarn-state.yml"]

const TARBALL = /^(?:-\/DENIED-[A-Za-z0-9_-]+\/)?((?:@[^/]+\/)?[^/]+)\/-\/([^/?#]+)$/

/** Rewrites those of {@link RECORDING_FILES} below `root` that name the shim. @returns the paths written */
export function restoreAddresses(root: string, options: RestoreOptions): string[] {
  const written: string[] = []
  for (const file of RECORDING_FILES) {
    const path = join(root, file)
    if (!existsSync(path)) continue
    const text = readFileSync(path, "utf8")
    const restored = restoreText(text, options)
    if (restored === text) continue
    writeFileSync(path, restored)
    written.push(path)
  }
  return written
}

/** The text with every address of the shim replaced by the registry's own. */
export function restoreText(text: string, { url, registryFor, addresses }: RestoreOptions): string {
  if (!text.includes(url)) return text
  // pnpm names an address only where it is not the one that everybody expects; a denied optional package's is
  const pattern = new RegExp(`(, tarball: )?${url.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}([^\\s"',}#]*)`, "g")
  return text.replace(pattern, (_whole, pnpmField: string | undefined, path: string) => {
    const [, name, file] = TARBALL.exec(decoded(path)) ?? []
    if (name === undefined || file === undefined) return `${pnpmField ?? ""}${registryFor("")}${path}`
    const version = file.slice(name.replace(/^@[^/]+\//, "").length + 1).replace(/\.tgz$/, "")
    const known = addresses.get(`${name}@${version}`)
    if (known !== undefined) return `${pnpmField ?? ""}${known}`
    return pnpmField === undefined ? `${registryFor(name)}${name}/-/${file}` : ""
  })
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    if (error instanceof URIError) return path
    throw error
  }
}
