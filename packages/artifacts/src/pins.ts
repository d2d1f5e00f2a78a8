/**
 * What has to stay: `pins.json`, written whole and flushed before it is acknowledged.
 *
 * @packageDocumentation
 */
import { HEX_SHA512, shapeReader, VouchsafeError } from "@vouchsafe/core"
import { onDisk, orMissing, writeWhole } from "./files.ts"
import { PIN_TEXT_LENGTH_MAX, PINS_BYTES_MAX, PINS_MAX } from "./limits.ts"
import type { StoreWorld } from "./world.ts"

/** An artifact under its name, for whoever asks what is pinned. */
export interface Pin {
  readonly purl: string
  readonly registry: string
  readonly sha512: string
}

/** A pin and what came of it. */
export interface Pinned extends Pin {
  readonly size: number
  /** POSIX seconds. */
  readonly pinnedAt: number
  /** False when its file was lost or damaged since. */
  readonly isHeld: boolean
}

type Kept = Omit<Pinned, "isHeld">

export interface Pins {
  list(): readonly Kept[]
  has(sha512: string): boolean
  add(pin: Pin, size: number): Promise<Kept>
  /** Lets go; `onFree` is called for each digest that no pin names any more. */
  remove(pins: readonly Pin[], onFree: (sha512: string) => void): Promise<number>
}

/** A change that waits for its write. */
interface Waiting {
  /** Changes the copy, and gives what to do once that is on disk. */
  readonly apply: (copy: Map<string, Kept>) => () => void
  readonly refuse: (error: unknown) => void
}

const FORMAT = "vouchsafe-pins/v1"
const read = shapeReader("STATE_UNSAFE", "pins.json")
const keyOf = ({ purl, registry, sha512 }: Pin): string => `${sha512} ${registry} ${purl}`

/** Reads the file. @throws VouchsafeError STATE_UNSAFE where it is none of ours: what is pinned must not be guessed. */
export async function openPins({ files, clock }: Pick<StoreWorld, "files" | "clock">, path: string): Promise<Pins> {
  const text = await orMissing("read the pins", () => files.readFile(path, "utf8"))
  let pins = new Map((text === undefined ? [] : parsePins(text)).map((pin) => [keyOf(pin), pin]))
  let turn: Promise<void> = Promise.resolve()
  let waiting: Waiting[] = []
  /** Writes all changes that have come in meanwhile at once; in memory, and acknowledged, only once they are on disk. */
  const write = async (): Promise<void> => {
    const batch = waiting
    waiting = []
    if (batch.length === 0) return
    const copy = new Map(pins)
    const answers = batch.map(({ apply, refuse }) => {
      try {
        return apply(copy)
      } catch (error) {
        return (): void => refuse(error)
      }
    })
    try {
      await onDisk("write the pins", () => writeWhole(files, path, JSON.stringify({ format: FORMAT, pins: [...copy.values()] }), true))
    } catch (error) {
      for (const { refuse } of batch) refuse(error)
      return
    }
    pins = copy
    for (const answer of answers) answer()
  }
  const change = <T>(make: (copy: Map<string, Kept>) => T): Promise<T> => new Promise((resolve, refuse) => {
    waiting.push({
      refuse,
      apply(copy) {
        const value = make(copy)
        return () => resolve(value)
      },
    })
    turn = turn.then(write)
  })
  const has = (sha512: string): boolean => [...pins.values()].some((pin) => pin.sha512 === sha512)
  return {
    list: () => [...pins.values()],
    has,
    add: (pin, size) => change((copy) => {
      const known = copy.get(keyOf(pin))
      if (known !== undefined) return known
      if (copy.size >= PINS_MAX) throw new VouchsafeError("DISK", `${copy.size} artifacts are pinned, expected fewer than ${PINS_MAX}`, { hint: "unpin something" })
      const kept = { ...pin, size, pinnedAt: Math.floor(clock.nowMs() / 1000) }
      copy.set(keyOf(pin), kept)
      return kept
    }),
    async remove(given, onFree) {
      const gone = await change((copy) => given.filter((pin) => copy.delete(keyOf(pin))))
      const left = new Set([...pins.values()].map(({ sha512 }) => sha512))
      for (const { sha512 } of gone) if (!left.has(sha512)) onFree(sha512)
      return gone.length
    },
  }
}

function parsePins(text: string): Kept[] {
  const document = read.object(read.json(text, PINS_BYTES_MAX), "document", ["format", "pins"])
  read.oneOf(document["format"], "format", [FORMAT])
  return read.array(document["pins"], "pins", PINS_MAX).map((value, i) => {
    const pin = read.object(value, `pins[${i}]`, ["purl", "registry", "sha512", "size", "pinnedAt"])
    return {
      purl: read.string(pin["purl"], "purl", PIN_TEXT_LENGTH_MAX), registry: read.string(pin["registry"], "registry", PIN_TEXT_LENGTH_MAX),
      sha512: read.pattern(pin["sha512"], "sha512", HEX_SHA512, "128 lower-case hex digits"),
      size: read.integer(pin["size"], "size", 1, Number.MAX_SAFE_INTEGER), pinnedAt: read.integer(pin["pinnedAt"], "pinnedAt", 0, Number.MAX_SAFE_INTEGER),
    }
  })
}
