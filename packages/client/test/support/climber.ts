/** A process of its own for the tests of the shared state: raises a head by one, again and again, and prints each size that it stored. */
import { parseCheckpoint, parseNote } from "@vouchsafe/core"
import { diskState } from "../../src/node/disk-state.ts"
import { systemLockWorld, withLock } from "../../src/node/lock.ts"
import { fakeLog, testSigner } from "./fake-log.ts"

const [directory = "", count = "0", ending = ""] = process.argv.slice(2)
const signer = testSigner("log.example/a", 1, 1)
const state = diskState(directory)
const headOf = (size: number): string => fakeLog(signer, [], Array.from({ length: size }, (_, i) => `s${i}`)).head(1)

let stored = 0
while (stored < Number(count)) {
  const current = state.head(signer.verifier.vkey)
  const size = current === undefined ? 0 : parseCheckpoint(parseNote(current).text).size
  const swap = await state.putHead(signer.verifier.vkey, headOf(size + 1), current)
  if (!swap.stored) continue
  stored += 1
  console.log(size + 1)
}
if (ending === "crash") await withLock(directory, () => process.exit(9), systemLockWorld)
