// Installs the workspace's dependencies: the one set-up step that `npm test`, `npm run demo` and `npm run bench` share.
// Needs Node >= 20.19 and npm only; pnpm comes through npx, pinned.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

const PNPM = "pnpm@10.34.9"
const args = ["-y", PNPM, "install", "--frozen-lockfile", "--ignore-scripts", "--prefer-offline", "--reporter=append-only"]
const result = spawnSync("npx", args, { stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" })
if (result.status !== 0) {
  console.error(`setup: \`npx ${args.join(" ")}\` failed; is the npm registry of your npm configuration reachable?`)
  process.exit(1)
}
if (!existsSync("node_modules/.bin/turbo")) {
  console.error("setup: node_modules is incomplete; remove it and run again")
  process.exit(1)
}
