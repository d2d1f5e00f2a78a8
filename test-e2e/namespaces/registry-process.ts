// A registry on an address of its own namespace: `node --conditions=source registry-process.ts HOST PACKAGES.json`. Prints one line, {"url"}.
// A package's `tarball` is base64 in the file.
import { startRegistry, type FixturePackage } from "@vouchsafe/testkit/registry"
import { readFileSync } from "node:fs"

const [host = "127.0.0.1", file = ""] = process.argv.slice(2)
const packages = (JSON.parse(readFileSync(file, "utf8")) as (Omit<FixturePackage, "tarball"> & { readonly tarball?: string })[])
  .map(({ tarball, ...fixture }): FixturePackage => ({ ...fixture, ...(tarball === undefined ? {} : { tarball: Buffer.from(tarball, "base64") }) }))
const registry = await startRegistry({ host, packages })
// Its parent holds the other end: it is gone when this ends, however that came about.
process.stdin.resume().on("end", () => process.exit(0))
process.stdout.write(`${JSON.stringify({ url: registry.url })}\n`)
