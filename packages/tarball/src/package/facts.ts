/**
 * What a tarball's own files say about the package: collected while it is read (THREATS A11).
 *
 * @packageDocumentation
 */
import type { TarballLimits } from "../limits.ts"
import { hostile, tooLarge } from "../refusal.ts"
import { isGypFile } from "../tar/paths.ts"
import type { ForeignObject } from "./json.ts"
import { lifecycleScripts, type Manifest, parsePackageJson, readManifest } from "./manifest.ts"

/** The part `package` of an observation, and what is compared with the packument. */
export interface PackageFacts {
  readonly manifest: Manifest
  /** Lifecycle scripts of the package by name, of bundled packages by `folder#name`. */
  readonly scripts: ReadonlyMap<string, string>
  /** Paths of all gyp files, sorted. */
  readonly gyp: readonly string[]
  /** Folders of bundled packages, sorted. */
  readonly bundled: readonly string[]
}

/** Path of a bundled package's folder: `node_modules/name`, perhaps inside another bundled package. */
const BUNDLED = /^(?:node_modules\/(?:@[^/]+\/)?[^/@.][^/]*\/)+/
const PACKAGE_JSON = "package.json"

/** The folder of the bundled package that a path lies in, undefined where it is the package's own. */
export function bundledFolder(path: string): string | undefined {
  return BUNDLED.exec(path)?.[0].slice(0, -1)
}

/** Collects facts file by file. */
export interface FactsCollector {
  /** Whether the content of this file is wanted by {@link FactsCollector.add}. */
  wants(path: string): boolean
  /** @throws VouchsafeError TARBALL_TOO_LARGE, TARBALL_HOSTILE, TARBALL_AMBIGUOUS. */
  add(path: string, content: Uint8Array | undefined): void
  /** @throws VouchsafeError TARBALL_HOSTILE where there is no package.json. */
  finish(files: Iterable<string>): PackageFacts
}

/** @see FactsCollector */
export function createFactsCollector(limits: TarballLimits): FactsCollector {
  const bundled = new Set<string>()
  const gyp: string[] = []
  const bundledScripts = new Map<string, string>()
  let root: ForeignObject | undefined

  const wants = (path: string): boolean => {
    const folder = bundledFolder(path)
    return path === PACKAGE_JSON || (folder !== undefined && path === `${folder}/${PACKAGE_JSON}`)
  }
  return {
    wants,
    add(path, content) {
      const folder = bundledFolder(path)
      if (folder !== undefined) bundled.add(folder)
      if (isGypFile(path)) gyp.push(path)
      if (bundled.size > limits.listedPathsMax || gyp.length > limits.listedPathsMax) throw tooLarge(`it has more than ${limits.listedPathsMax} bundled packages or gyp files`)
      if (content === undefined || !wants(path)) return
      const json = parsePackageJson(content, path)
      if (folder === undefined) root = json
      else for (const [name, command] of lifecycleScripts(json)) bundledScripts.set(`${folder}#${name}`, command)
    },
    finish(files) {
      if (root === undefined) throw hostile("it has no package.json in its first folder")
      const manifest = readManifest(root, files)
      return { manifest, scripts: new Map([...manifest.scripts, ...bundledScripts]), gyp: gyp.sort(), bundled: [...bundled].sort() }
    },
  }
}
