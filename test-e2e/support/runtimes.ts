import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { cacheFolder } from "./folders.ts"
import { describeRun, run } from "./process.ts"
import { installInCache } from "./npm-install.ts"

/** A Node to run clients with: the folder that holds `node` and nothing else. */
export interface Runtime {
  readonly name: "node20" | "node24"
  readonly version: string
  readonly node: string
  readonly binDir: string
}

const NODE_20 = "20.20.2"
const NODE_20_OLDEST_MINOR = 19

/** The Node of development: this one. Nodes of the network run with it always. */
export function node24(): Runtime {
  return { name: "node24", version: process.versions.node, node: process.execPath, binDir: aloneInFolder("node24", process.execPath) }
}

/** The oldest Node that clients have to work with: the host's, where that is a Node 20, else one from the registry. */
export async function node20(): Promise<Runtime> {
  const own = dirname(process.execPath)
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    const node = join(folder, "node")
    if (folder === own || folder.includes("node_modules") || !existsSync(node)) continue
    const version = await versionOf(node)
    const [major = 0, minor = 0] = version.split(".").map(Number)
    if (major === 20 && minor >= NODE_20_OLDEST_MINOR) return { name: "node20", version, node, binDir: aloneInFolder("node20", node) }
  }
  const folder = await installInCache(`node-${process.platform}-${process.arch}`, NODE_20)
  const node = join(folder, "node_modules", `node-${process.platform}-${process.arch}`, "bin/node")
  return { name: "node20", version: await versionOf(node), node, binDir: aloneInFolder("node20", node) }
}

async function versionOf(node: string): Promise<string> {
  const ran = await run([node, "--version"], { cwd: "/", env: {} })
  if (ran.status !== 0) throw new Error(`${node} does not run here: ${describeRun(ran)}`)
  return ran.stdout.trim().replace(/^v/, "")
}

/** A folder with this `node` only: its neighbours (an npm of another version) must not be found on the PATH. */
function aloneInFolder(name: string, node: string): string {
  const folder = cacheFolder("runtimes", name)
  const fresh = mkdtempSync(join(cacheFolder("tmp"), "node-"))
  mkdirSync(folder, { recursive: true })
  symlinkSync(node, join(fresh, "node"))
  renameSync(join(fresh, "node"), join(folder, "node"))
  rmSync(fresh, { recursive: true })
  return folder
}
