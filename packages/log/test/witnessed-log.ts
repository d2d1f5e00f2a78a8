/** A log, its witnesses, whose answers can be exchanged, and what asks them. */
import { openNote, parseCheckpoint, parseNote, verifyCosignature } from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import { type Answer, createFakeWitness, createMemoryLogDisk, type FakeWitness, fastCrypto, transportTo } from "@vouchsafe/testkit"
import { collectCosignatures, type Cosigners, type CosignersOptions } from "../src/index.ts"
import { openOn, signer } from "./helpers.ts"

/** Unix seconds. */
export const NOW = 1_700_000_000

export interface World {
  readonly log: Log
  readonly witnesses: readonly FakeWitness[]
  readonly clock: { seconds: number }
  readonly cosigners: Cosigners
}

/** A quorum of so many names, whichever they are. */
export const atLeast = (count: number) => (names: ReadonlySet<string>): boolean => names.size >= count

/** A new log unless `log` is one, and so many honest witnesses, w0 and on. */
export async function newWorld(count: number, quorum: CosignersOptions["quorum"], log?: Log): Promise<World> {
  const clock = { seconds: NOW }
  const opened = log ?? await openOn(await createMemoryLogDisk().open())
  const witnesses = Array.from({ length: count }, (_, i) => createFakeWitness(`w${i}`, 10 + i, () => clock.seconds))
  const cosigners = collectCosignatures({
    log: opened, crypto: fastCrypto, quorum, transport: transportTo(witnesses), clock: { nowMs: () => clock.seconds * 1000 },
    witnesses: witnesses.map(({ name, signer: { verifier }, submissionUrl }) => ({ name, key: verifier, submissionUrl })),
  })
  return { log: opened, witnesses, clock, cosigners }
}

/** Names and times of the cosignatures under the published checkpoint, which must all verify. */
export function published({ log, witnesses }: World): { readonly size: number; readonly times: Record<string, number> } {
  const text = log.cosigned()?.text ?? ""
  const note = parseNote(text)
  openNote(fastCrypto, note, [signer.verifier, ...witnesses.map((witness) => witness.signer.verifier)])
  const times: Record<string, number> = {}
  for (const { name, signer: { verifier } } of witnesses) {
    const found = verifyCosignature(fastCrypto, verifier, note)
    if (found !== undefined) times[name] = found.timeSeconds
  }
  return { size: parseCheckpoint(note.text).size, times }
}

/** An answer that comes when it is let go. */
export function held(): { readonly answer: Answer; readonly arrived: Promise<void>; release(): void } {
  let release = (): void => undefined
  let arrive = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  return {
    arrived,
    release: () => release(),
    answer: async (honest) => {
      arrive()
      await gate
      return honest()
    },
  }
}

/** Lets everything run that waits for nothing from outside. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}
