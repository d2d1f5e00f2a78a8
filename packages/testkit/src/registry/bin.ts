// The fake registry as a process of its own, for end-to-end scripts:
// node --conditions=source bin.ts [--upstream URL] [--cache-dir DIR] [--fixtures FILE.json] [--port N] [--control-port N] [--token T]
// Prints one JSON line {"event":"ready","url","control"} and ends on SIGTERM, SIGINT or POST /stop of the control endpoint.
import { readFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { reviveBytes, startControl } from "./control.ts"
import { startRegistry } from "./server.ts"
import type { FixturePackage } from "./types.ts"

const { values } = parseArgs({ options: {
  upstream: { type: "string" }, "cache-dir": { type: "string" }, fixtures: { type: "string" }, token: { type: "string" },
  port: { type: "string", default: "0" }, "control-port": { type: "string", default: "0" },
} })

const packages = values.fixtures === undefined ? [] : JSON.parse(await readFile(values.fixtures, "utf8"), reviveBytes) as FixturePackage[]
const registry = await startRegistry({
  packages, port: Number(values.port),
  ...(values.upstream === undefined ? {} : { upstream: values.upstream }),
  ...(values["cache-dir"] === undefined ? {} : { cacheDir: values["cache-dir"] }),
  ...(values.token === undefined ? {} : { token: values.token }),
})
const stop = (): void => { void Promise.all([registry.close(), control.close()]).then(() => process.exit(0)) }
const control = await startControl(registry, { port: Number(values["control-port"]), onStop: () => setImmediate(stop) })
process.on("SIGTERM", stop).on("SIGINT", stop)
process.stdout.write(`${JSON.stringify({ event: "ready", url: registry.url, control: control.url })}\n`)
