import { warningLine, whyTooOld } from "./runtime.ts"

const why = whyTooOld(process.versions.node)
if (why === undefined) {
  // What the runtime warns of goes where logs go, as they do: before anything is loaded that it may warn of.
  process.removeAllListeners("warning")
  process.on("warning", ({ name, message }) => void process.stderr.write(warningLine(name, message, new Date().toISOString())))
  const { main } = await import("./main.ts")
  // Whoever read the logs is gone; that is no reason for a node to end.
  process.stderr.on("error", () => undefined)
  process.exitCode = await main(process.argv.slice(2), process)
} else {
  process.stderr.write(why)
  process.exitCode = 3
}
