import type { LookalikeKind } from "@vouchsafe/core"
import type { DomainLookup, HistoryStore, SourceRefs, Timers } from "@vouchsafe/ports"

/** Ways to look beyond the packument. What is absent is unknown. */
export interface HistoryPorts {
  readonly store?: HistoryStore | undefined
  readonly domains?: DomainLookup | undefined
  readonly refs?: SourceRefs | undefined
  /** The popular name that a name could be taken for; null: none. */
  readonly lookalike?: ((name: string) => { readonly target: string; readonly kind: LookalikeKind } | null) | undefined
  /** Bound the wait for packuments that are read ahead. */
  readonly timers?: Timers | undefined
  /** Registries whose packages may be looked up elsewhere: names of private ones leave nowhere (THREATS A8). All by default. */
  readonly isPublic?: ((registry: string) => boolean) | undefined
}
