/**
 * Hosts that live and die. What a dead one still does, in promises that nobody can take back, reaches nobody.
 *
 * @packageDocumentation
 */
import type { Clock, Timers } from "@vouchsafe/ports"
import type { VirtualTime } from "./time.ts"

/** One life of a host: from its start to its crash. */
export interface Life {
  readonly host: string
  isAlive(): boolean
  /** Runs when this life ends, however it ends. The returned function takes that back. */
  atEnd(run: () => void): () => void
  readonly clock: Clock
  readonly timers: Timers
}

export interface Hosts {
  /** The present life of a host; begins one when there is none. */
  life(host: string): Life
  /** Ends it: power is cut. */
  crash(host: string): void
  isUp(host: string): boolean
  /** How far a host's clock is ahead of the true time, in ms. Survives its lives. */
  setSkew(host: string, ms: number): void
  skew(host: string): number
}

/** Makes a world without hosts. */
export function createHosts(time: VirtualTime): Hosts {
  const lives = new Map<string, { readonly life: Life; readonly end: () => void }>()
  const skews = new Map<string, number>()
  const skew = (host: string): number => skews.get(host) ?? 0

  const begin = (host: string): { readonly life: Life; readonly end: () => void } => {
    const endings = new Set<() => void>()
    let isAlive = true
    const atEnd = (run: () => void): (() => void) => {
      endings.add(run)
      return () => endings.delete(run)
    }
    const life: Life = {
      host, atEnd,
      isAlive: () => isAlive,
      clock: { nowMs: () => Math.max(0, time.nowMs() + skew(host)) },
      timers: {
        after(ms, run) {
          if (!isAlive) return () => undefined
          const forget = atEnd(() => cancel())
          const cancel = time.after(ms, host, "", () => {
            forget()
            run()
          })
          return () => {
            forget()
            cancel()
          }
        },
      },
    }
    const end = (): void => {
      isAlive = false
      for (const ending of [...endings]) ending()
      endings.clear()
    }
    return { life, end }
  }

  return {
    skew,
    life(host) {
      const known = lives.get(host) ?? begin(host)
      lives.set(host, known)
      return known.life
    },
    crash(host) {
      const known = lives.get(host)
      lives.delete(host)
      known?.end()
    },
    isUp: (host) => lives.has(host),
    setSkew: (host, ms) => void skews.set(host, ms),
  }
}
