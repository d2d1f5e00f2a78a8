/**
 * Builds the shipped list from a table of names and their downloads a month (packages/names/src/data/README.md).
 *
 *     node --conditions=source packages/names/scripts/build.ts DAY [TABLE]
 *
 * DAY is that of the counts, TABLE a file of `name TAB downloads`, by default the shared `data/names/popular.tsv`.
 */
import { sharedPath } from "@vouchsafe/config/shared"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatNameList, levelOf } from "../src/list.ts"

const [day = "", table = sharedPath("data", "names", "popular.tsv")] = process.argv.slice(2)
const names = readFileSync(table, "utf8").split("\n").filter((line) => line !== "").map((line) => {
  const [name = "", downloads] = line.split("\t")
  return { name, level: levelOf(Number(downloads)) }
})
const text = formatNameList({ day, names })
// An array of its lines, so that an update is a diff of names.
const source = `${JSON.stringify(text.split("\n"), null, 0).replaceAll("\",\"", "\",\n\"")}\n`
const path = join(import.meta.dirname, "../src/data/popular.json")
writeFileSync(path, source)
process.stdout.write(`${names.length} names, ${Buffer.byteLength(source)} bytes\n`)
