import { expect, test } from "vitest"
import { createTurns } from "../src/turns.ts"

/** Work that ends when it is told to. */
function held(): { readonly work: () => Promise<string>; readonly end: (value?: string) => void; readonly fail: () => void; isRunning: boolean } {
  let settle: { readonly resolve: (value: string) => void; readonly reject: (error: Error) => void } | undefined
  const own = {
    isRunning: false,
    work: () => new Promise<string>((resolve, reject) => {
      own.isRunning = true
      settle = { resolve, reject }
    }),
    end: (value = "done") => settle?.resolve(value),
    fail: () => settle?.reject(new Error("broken")),
  }
  return own
}

const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

test("so much runs at once, and the rest in its order; a failure gives its place on too", async () => {
  const turns = createTurns(2)
  const all = Array.from({ length: 4 }, held)
  const results = all.map(({ work }) => turns(work).catch((error: Error) => error.message))
  const running = async (): Promise<boolean[]> => {
    await settled()
    return all.map(({ isRunning }) => isRunning)
  }
  expect(await running()).toEqual([true, true, false, false])
  all[1]?.fail()
  expect(await running()).toEqual([true, true, true, false])
  all[0]?.end()
  expect(await running()).toEqual([true, true, true, true])
  for (const one of all) one.end()
  expect(await Promise.all(results)).toEqual(["done", "broken", "done", "done"])
})

test("places that are free again are taken again", async () => {
  const turns = createTurns(1)
  for (let i = 0; i < 3; i++) expect(await turns(() => Promise.resolve(i))).toBe(i)
})
