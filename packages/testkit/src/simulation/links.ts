/**
 * Links between named hosts, each direction with a state and dice of its own.
 *
 * @packageDocumentation
 */
import type { Random } from "./random.ts"
import type { VirtualTime } from "./time.ts"

/** What a link does to messages. */
export interface LinkRules {
  /** Shortest and longest time on the way, in ms: messages may overtake each other. */
  readonly delayMs: readonly [number, number]
  /** Probability that a message is lost, and that it arrives twice. */
  readonly drop: number
  readonly duplicate: number
}

/** How a cut link shows: `silent` swallows what is sent, `reset` says at once that nobody can be reached. */
export type Cut = "silent" | "reset"

export interface Links {
  /** Rules for all links that have none of their own. */
  setDefault(rules: Partial<LinkRules>): void
  /** Rules for both directions between two hosts. */
  set(a: string, b: string, rules: Partial<LinkRules>): void
  cut(a: string, b: string, how?: Cut): void
  heal(a: string, b: string): void
  /** Cuts all links between hosts of different groups, in place of an earlier partition. Hosts in no group reach everybody. */
  partition(groups: readonly (readonly string[])[], how?: Cut): void
  /** Ends the partition and every single cut. */
  healAll(): void
  cutBetween(from: string, to: string): Cut | undefined
  /** Sends one message. `arrive` runs as often as it arrives: not at all, once, or twice. */
  send(from: string, to: string, label: string, arrive: () => void): void
  /** A delay as this link would have. */
  delay(from: string, to: string): number
}

const CALM: LinkRules = { delayMs: [1, 20], drop: 0, duplicate: 0 }

/** Makes links that are all whole and calm. */
export function createLinks(time: VirtualTime, random: Random): Links {
  let common = CALM
  const own = new Map<string, LinkRules>()
  const cuts = new Map<string, Cut>()
  const dice = new Map<string, Random>()
  let sides = new Map<string, number>()
  let partitionShows: Cut = "silent"
  const way = (from: string, to: string): string => `${from}>${to}`
  const rulesOf = (from: string, to: string): LinkRules => own.get(way(from, to)) ?? common

  const diceOf = (from: string, to: string): Random => {
    const name = way(from, to)
    const known = dice.get(name) ?? random.fork(name)
    dice.set(name, known)
    return known
  }
  const cutBetween = (from: string, to: string): Cut | undefined => {
    const single = cuts.get(way(from, to))
    if (single !== undefined) return single
    const [a, b] = [sides.get(from), sides.get(to)]
    return a !== undefined && b !== undefined && a !== b ? partitionShows : undefined
  }
  const delay = (from: string, to: string): number => {
    if (from === to) return 0
    const { delayMs: [least, most] } = rulesOf(from, to)
    return diceOf(from, to).between(least, most)
  }

  return {
    cutBetween, delay,
    setDefault(rules) {
      common = { ...common, ...rules }
    },
    set(a, b, rules) {
      for (const name of [way(a, b), way(b, a)]) own.set(name, { ...own.get(name) ?? common, ...rules })
    },
    cut(a, b, how = "silent") {
      for (const name of [way(a, b), way(b, a)]) cuts.set(name, how)
    },
    heal(a, b) {
      for (const name of [way(a, b), way(b, a)]) cuts.delete(name)
    },
    partition(groups, how = "silent") {
      sides = new Map(groups.flatMap((group, side) => group.map((host) => [host, side] as const)))
      partitionShows = how
    },
    healAll() {
      sides = new Map()
      cuts.clear()
    },
    send(from, to, label, arrive) {
      const { drop, duplicate } = rulesOf(from, to)
      const isLossless = from === to
      const copies = isLossless ? 1 : diceOf(from, to).chance(drop) ? 0 : diceOf(from, to).chance(duplicate) ? 2 : 1
      for (let copy = 0; copy < copies; copy++) {
        time.after(delay(from, to), way(from, to), label, () => {
          // A link that was cut meanwhile takes what is on its way with it.
          if (cutBetween(from, to) === undefined) arrive()
        })
      }
    },
  }
}
