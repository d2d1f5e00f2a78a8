import type { DependencyKind } from "@vouchsafe/core"

/** One way from a package, or from the project, to another one. */
export interface Edge {
  readonly to: string
  readonly isOptional: boolean
}

/** What the project itself depends on, and how. */
export interface Root {
  readonly to: string
  readonly kind: DependencyKind
}

/** The strictest first: a package that several ways lead to is what the first of these says. */
const STRENGTH: readonly DependencyKind[] = ["prod", "optional", "dev"]

/**
 * How each package is depended on: `prod` where some way needs it, `optional` where it may be missing from production,
 * `dev` where only development needs it. What no way leads to is not in the answer.
 */
export function kindsOf(roots: readonly Root[], edgesOf: (key: string) => readonly Edge[]): ReadonlyMap<string, DependencyKind> {
  const kinds = new Map<string, DependencyKind>()
  for (const kind of STRENGTH) {
    // What is only optional to `prod` waits for its turn.
    const queue = roots.filter((root) => root.kind === kind).map(({ to }) => to)
    if (kind === "optional") for (const [key, known] of kinds) if (known === "prod") queue.push(...edgesOf(key).filter(({ isOptional }) => isOptional).map(({ to }) => to))
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      if (kinds.has(key)) continue
      kinds.set(key, kind)
      for (const { to, isOptional } of edgesOf(key)) if (kind !== "prod" || !isOptional) queue.push(to)
    }
  }
  return kinds
}

/** The stricter of two; undefined where one is unknown, which counts as `prod`. */
export function strictestKind(a: DependencyKind | undefined, b: DependencyKind | undefined): DependencyKind | undefined {
  return a === undefined || b === undefined ? undefined : STRENGTH.find((kind) => kind === a || kind === b)
}
