import type { AbortSignalLike } from "@vouchsafe/ports"
import { throwIfAborted, untilAborted } from "./signal.ts"

/** At most one piece of work a key at a time; whoever asks meanwhile shares its outcome. */
export interface Flights<T> {
  /**
   * Joins the work under way for `key`, or starts it. Rejects with TIMEOUT when `signal` is given; the work goes on for
   * the others, and its own signal is given when nobody is left.
   */
  join(key: string, signal: AbortSignalLike | undefined, start: (signal: AbortSignalLike) => Promise<T>): Promise<T>
}

interface Flight<T> { readonly work: Promise<T>, readonly controller: AbortController, passengers: number }

/** @see Flights */
export function createFlights<T>(): Flights<T> {
  const flights = new Map<string, Flight<T>>()

  const takeOff = (key: string, start: (signal: AbortSignalLike) => Promise<T>): Flight<T> => {
    const controller = new AbortController()
    const work = start(controller.signal).finally(() => flights.delete(key))
    const flight = { work, controller, passengers: 0 }
    flights.set(key, flight)
    return flight
  }
  return {
    async join(key, signal, start) {
      throwIfAborted(signal)
      // Abandoned work may be past its point of no return: the next one starts when it has ended, whatever the end.
      for (let left = flights.get(key); left?.controller.signal.aborted === true; left = flights.get(key)) {
        await untilAborted(left.work.then(() => undefined, () => undefined), signal)
      }
      const flight = flights.get(key) ?? takeOff(key, start)
      flight.passengers += 1
      try {
        return await untilAborted(flight.work, signal)
      } finally {
        flight.passengers -= 1
        if (flight.passengers === 0) flight.controller.abort()
      }
    },
  }
}
