import type { ArtifactRequest, Verdict } from "@vouchsafe/core"

/** Where packages come from, as the person's configuration says. */
export interface Registries {
  /** Registry id for everything that has no scope of its own. */
  readonly default: string
  /** Registry ids by scope, `@` included. */
  readonly scopes: Readonly<Record<string, string>>
  registryFor(name: string): string
  /** Header for a URL that lies under a configured registry, undefined for any other. */
  credentialsFor(url: string): { readonly header: string } | undefined
}

/** What the client answers: one verdict per request, in order. */
export interface Checked {
  readonly verdicts: readonly Verdict[]
  readonly misbehavior?: readonly { readonly origin: string; readonly path?: string | undefined; readonly isNew?: boolean }[]
}

/** Asks the network. Errors are VouchsafeErrors and become refusals. */
export type Check = (requests: readonly ArtifactRequest[]) => Promise<Checked>

/** What the shim tells whoever started it; one JSON line each (packages/spec/shim.md). */
export type ShimEvent =
  | { readonly event: "ready"; readonly port: number; readonly url: string }
  | { readonly event: "denied"; readonly purl: string; readonly code: string; readonly reason: string; readonly detail?: string }
  | { readonly event: "warning"; readonly code: string; readonly message: string; readonly purl?: string }
  /** A tarball that lies elsewhere than registries keep them; a lockfile that recorded our address needs it to be undone. */
  | { readonly event: "address"; readonly purl: string; readonly tarball: string }
  | { readonly event: "misbehavior"; readonly origin: string; readonly path?: string }
  | { readonly event: "summary"; readonly allowed: number; readonly denied: number }

/** A refusal as clients are told it. */
export interface Refusal {
  readonly code: string
  /** One line of printable ASCII that starts with the code. */
  readonly reason: string
  /** Several lines for people; absent where the reason says all. */
  readonly detail?: string
}

/** The clock as the shim uses it. */
export interface ShimClock {
  nowMs(): number
}
