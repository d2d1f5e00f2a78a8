/** What a row of the replay is made of. @packageDocumentation */
import type { VerdictCode } from "@vouchsafe/core"
import type { Run } from "./sigstore/mock.ts"

/** An account on the registry. The e-mail addresses are under names that only this replay's own DNS server answers for. */
export interface Person {
  readonly name: string
  readonly email: string
}

/** How a release was made from source. */
export interface Source {
  /** A repository of the replay's git server. */
  readonly repository: string
  /** Whether its commit is there; a stolen token publishes without one. */
  readonly isCommitted: boolean
  /** Tagged as `v1.0.0`, or as given. Default true where it is committed. */
  readonly tag?: string | false
  /** Files that are in the tarball and in no commit. */
  readonly onlyPublished?: Readonly<Record<string, string>>
  /** Signed by the key that the policies of this replay name. */
  readonly isSigned?: boolean
}

/** One version as it was published. */
export interface Release {
  readonly name: string
  readonly version: string
  /** Seconds before the replay. */
  readonly ageSeconds: number
  /** Beside package.json and index.js. */
  readonly files?: Readonly<Record<string, string>>
  /** Body of index.js. */
  readonly main?: string
  readonly manifest?: Readonly<Record<string, unknown>>
  /** What publishing tools add to the packument alone. */
  readonly packument?: Readonly<Record<string, unknown>>
  readonly publisher?: Person
  readonly maintainers?: readonly Person[]
  readonly source?: Source
  /** Verified provenance; absent: published without. */
  readonly run?: Partial<Run>
  /** Absent: the public one. */
  readonly registry?: "private"
}

/** What a victim does, and whether it should come to pass. */
export interface Case {
  /** In the order of publishing. */
  readonly releases: readonly Release[]
  /** The project's dependencies. */
  readonly dependencies: Readonly<Record<string, string>>
  /** `name@version` that the row is about. */
  readonly judged: readonly string[]
  /** Rebuilt from source by the network's rebuilders. */
  readonly rebuilt?: readonly string[]
  /** Observed by the network before, because other people installed them. */
  readonly seenBefore?: readonly string[]
  /** Members of vouchsafe.json beside the defaults. */
  readonly policy?: (world: PolicyWorld) => Readonly<Record<string, unknown>>
  /** Scopes that the project's own configuration binds to the private registry. */
  readonly privateScope?: string
}

/** What a row's policy may name. */
export interface PolicyWorld {
  readonly publicRegistry: string
  readonly privateRegistry: string
  /** Fingerprint of the key that signs honest commits. */
  readonly signer: string
}

/**
 * When the payload acts. `script`: while it is installed. `import`: when it is used. `gyp`: while it is installed, through node-gyp; never run here.
 * `absence`: the attack is that something is gone.
 */
export type Payload = "script" | "import" | "gyp" | "absence"

/** One row of the replay. */
export interface Row {
  readonly number: number
  /** What happened, and when. */
  readonly title: string
  readonly payload: Payload
  /** Codes that must be among the findings with the age rule off; each member is a choice of which one is enough. Empty: it must install. */
  readonly expected: readonly (readonly VerdictCode[])[]
  readonly attack: Case
  /** The same change, made honestly. */
  readonly twin: Case
  /** What makes the twin honest, in one line. */
  readonly honest: string
  /** An operator withdraws the judged version after the runs as shipped and before those with the age rule off. */
  readonly isWithdrawn?: boolean
}
