#!/usr/bin/env node
import { setFlagsFromString } from "node:v8"
import { main } from "./main.ts"

// The heap grows in smaller steps: a sixth more work for the collector, and an eighth less memory (spec/adr/0014). Engines that do not know the flag ignore it.
setFlagsFromString("--heap-growing-percent=60")

const ended = new Promise<void>((resolve) => {
  process.on("SIGTERM", () => resolve()).on("SIGINT", () => resolve()).on("SIGHUP", () => resolve())
})
// whoever reads our lines may be gone first; that is no reason to leave half of an answer behind
process.stdout.on("error", () => { process.exitCode = 1 })
process.exit(await main({ argv: process.argv.slice(2), env: process.env, stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, ended }))
