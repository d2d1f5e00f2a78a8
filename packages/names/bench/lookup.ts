/**
 * How long look-ups take, in CPU time: names of the list, and each with a letter less, a letter more and two letters swapped.
 *
 *     node --conditions=source packages/names/bench/lookup.ts
 */
import { createNames, shippedNames } from "../src/index.ts"

const ROUNDS = 10

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}
const names = createNames()
const began = cpuUs()
names.lookalike("a-name")
const loadMs = (cpuUs() - began) / 1_000
const asked = shippedNames().names.flatMap(({ name }, at) => {
  const cut = (at * 7) % Math.max(1, name.length - 1)
  return [name, name.slice(0, cut) + name.slice(cut + 1), `${name.slice(0, cut)}x${name.slice(cut)}`, name.slice(0, cut) + (name[cut + 1] ?? "") + (name[cut] ?? "") + name.slice(cut + 2)]
})
const rounds = Array.from({ length: ROUNDS }, () => {
  const start = cpuUs()
  for (const name of asked) names.lookalike(name)
  return (cpuUs() - start) / asked.length
}).sort((a, b) => a - b)
process.stdout.write(`${JSON.stringify({ names: asked.length, loadMs, perNameUs: { median: rounds[ROUNDS / 2], least: rounds[0], most: rounds.at(-1) } })}\n`)
