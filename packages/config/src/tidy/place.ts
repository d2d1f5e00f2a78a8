/** Where a source file stands: which package, and whether it is product code or development code. */
export interface Place {
  /** Folder name under `packages/`, or undefined outside of it. */
  readonly folder: string | undefined
  /** True for files under a package's `src/`. */
  readonly inSrc: boolean
}

const SOURCE_NAME = /\.(?:ts|mts|cts|tsx|mjs|cjs|js)$/
const PACKAGE_PATH = /^packages\/([^/]+)\/(.*)$/
const RECORDED = /(?:^|\/)(?:fixtures|vectors|__snapshots__)\/|^packages\/spec\/data\//

/** True for files that the syntax rules read: TypeScript and JavaScript that people write. */
export function isSource(path: string): boolean {
  return SOURCE_NAME.test(path) && !isRecorded(path)
}

/** True for recorded bytes (vectors, fixtures, snapshots), whose spelling is not ours to tidy. */
export function isRecorded(path: string): boolean {
  return RECORDED.test(path)
}

/** Reads a file's place from its path. */
export function placeOf(path: string): Place {
  const match = PACKAGE_PATH.exec(path)
  if (match === null) return { folder: undefined, inSrc: false }
  return { folder: match[1], inSrc: (match[2] ?? "").startsWith("src/") }
}
