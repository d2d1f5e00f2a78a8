import { whyTooOld } from "./runtime.ts"

const why = whyTooOld(process.versions.node)
if (why === undefined) {
  const { main } = await import("./main.ts")
  process.exitCode = await main(process.argv.slice(2), process)
} else {
  process.stderr.write(why)
  process.exitCode = 3
}
