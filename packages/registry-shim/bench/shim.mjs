// The built shim as a process of the benchmark: node shim.mjs REGISTRY CACHE_DIR TOKEN. Prints {"url"} when it listens.
// Plain JavaScript and the bundle, so that what is measured is what people run.
import { startShim } from "../dist/index.js"

const [registry, cacheDir, token] = process.argv.slice(2)
const shim = await startShim({
  registries: { default: registry, scopes: {}, registryFor: () => registry, credentialsFor: () => undefined },
  token, cacheDir, clock: { nowMs: () => Date.now() }, emit: () => undefined, exoticCode: "EXOTIC_SOURCE",
  check: (requests) => Promise.resolve({ verdicts: requests.map((request) => ({ ...request, ok: true, claims: [], labels: [], findings: [] })) }),
})
process.stdout.write(`${JSON.stringify({ url: shim.url })}\n`)
