/** How packages lie on disk. */
export type Layout = "hoisted" | "isolated" | "archive"

/** A folder or archive that holds a package. Paths are relative to the audited folder, with slashes. */
export interface Place {
  readonly path: string
  readonly layout: Layout
  /** Name that packages are looked up by here; empty for an archive. */
  readonly alias: string
  /** Place of the package whose own node_modules it lies in. */
  readonly owner?: string
}

/** A file of a package as it lies on disk. */
export interface DiskFile {
  /** Below the package, with slashes. */
  readonly path: string
  readonly size: number
  readonly executable: boolean
  /** Lower-case hex. */
  readonly sha256: string
}

/** What a set of files comes to. `executables`: how many may be executed, and the hex SHA-256 of their paths. */
export interface Hashes {
  readonly h1: string
  readonly executables: { readonly count: number; readonly sha256: string }
}

export interface Summary {
  readonly count: number
  readonly hashes?: Hashes
}

/** What was read of one place. */
export interface Contents {
  /** From package.json; null where there is none that can be read. */
  readonly name: string | null
  readonly version: string | null
  readonly files: readonly DiskFile[]
  readonly summary: Summary
  /** Links, devices and other things that no tarball brings: never followed. */
  readonly specials: readonly string[]
  /** Why it could not be read whole. */
  readonly problem?: string
}

/** A link in a node_modules. */
export interface Link {
  readonly path: string
  /** Where it leads: relative to the audited folder, or as it says where that is outside. */
  readonly target: string
  readonly leads: "package" | "workspace" | "outside" | "nowhere"
}

/** What an audit found before anything is read. */
export interface Discovery {
  readonly places: readonly Place[]
  readonly links: readonly Link[]
  /** Files that lie in a node_modules and belong to no package, though programs can load them. */
  readonly strays: readonly string[]
  /** What managers and tools keep for themselves in a node_modules: not looked into. */
  readonly others: readonly string[]
  /** Folders that have a node_modules or archives of Yarn's. */
  readonly projects: readonly string[]
}

/** Contents as attesters saw them. */
export interface Attested {
  readonly h1: string
  /** Absent where only a lock speaks. */
  readonly manifest?: string
  readonly executables?: { readonly count: number; readonly sha256: string }
  readonly bundled: readonly string[]
  readonly runsScripts: boolean
}

/** Why a difference is none. */
export type KnownReason = "patch" | "script" | "copy" | "renamed" | "bundled" | "yarn" | "mode"

export interface Known {
  readonly path: string
  readonly reason: KnownReason
  /** The patch's file, or the package that the bytes come from. */
  readonly by?: string
}

/** Files that are not as attested. */
export interface Differences {
  readonly changed: readonly string[]
  readonly added: readonly string[]
  readonly missing: readonly string[]
  /** Same bytes, but executable where the attested file is not. */
  readonly mode: readonly string[]
}

/** How a place compares. `unknown`: nothing that counts says what it should hold. */
export type Equality = "equal" | "explained" | "differs" | "unknown"
