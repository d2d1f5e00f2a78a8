import type { Bytes } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import type { ArtifactFacts } from "./artifact-facts.ts"
import type { ArtifactName, ArtifactStatus } from "./evidence.ts"
import type { OpenedLock } from "./lock/open.ts"
import type { Policy } from "./policy.ts"
import type { Roster } from "./roster.ts"
import type { ArtifactRequest } from "./verdict.ts"

/** Entries of one log under one head. Several when some come from a cache. */
export interface EntryBatch {
  /** Signed note with cosignatures. */
  readonly checkpoint: string
  /** Ascending. */
  readonly indices: readonly number[]
  /** Parallel to `indices`. */
  readonly entries: readonly string[]
  /** One multi-inclusion proof of all `indices` (packages/spec/multi-inclusion.md), … */
  readonly proof?: readonly Bytes[]
  /** … or one RFC 6962 inclusion proof an entry, parallel to `indices`. Exactly one of the two. */
  readonly paths?: readonly (readonly Bytes[])[]
  /** Full texts of by-digest entries. */
  readonly bodies: readonly string[]
}

/** All that was gathered about one roster node. Nothing in it is believed before it is checked. */
export interface LogEvidence {
  readonly operator: string
  /** Origin of the node's observations log. */
  readonly origin: string
  /** Whether the node answered this time, or its evidence was at hand. */
  readonly reached: boolean
  /** Why not, or what was wrong with its answer. */
  readonly failure?: { readonly code: string; readonly message: string }
  readonly batches: readonly EntryBatch[]
  /** The whole notices log, entries from 0. */
  readonly notices?: { readonly checkpoint: string; readonly entries: readonly string[] }
  /** What the node says of artifacts that it has no statement for. */
  readonly statuses: readonly (ArtifactName & { readonly status: ArtifactStatus; readonly code?: string; readonly detail?: string })[]
  /** Set when a kept proof shows that this log misbehaved: it never counts again. */
  readonly misbehaved?: string
}

/** A list of known-malicious packages, as it was read (packages/spec/lists.md, "Judging"). */
export interface MaliciousList {
  readonly name: string
  /** The record that names a version; undefined where none does. */
  find(name: string, version: string): { readonly id: string } | undefined
  /** Why nobody can say what is on it; then it refuses everything. */
  readonly problem?: string
}

export interface VerifyInput {
  readonly crypto: Crypto
  readonly roster: Roster
  readonly policy: Policy
  /** Unix seconds of the local clock. */
  readonly now: number
  readonly requests: readonly ArtifactRequest[]
  readonly evidence: readonly LogEvidence[]
  /** Lists that the policy subscribes to. */
  readonly lists?: readonly MaliciousList[]
  /** By package name: facts of the version that the project's lock holds. An artifact of another identity is IDENTITY_CHANGED. */
  readonly pins?: ReadonlyMap<string, ArtifactFacts>
  /** The project's lock, opened against this roster and time: operators that derived a line count as if their statement with its facts had been seen. */
  readonly lock?: OpenedLock
}
