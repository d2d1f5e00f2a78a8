// Installs the workspace's dependencies: the one set-up step that `npm test`, `npm run demo` and `npm run bench` share.
// Needs Node >= 20.19 and npm only; pnpm comes through npx, pinned. JavaScript, because this Node may be the old one.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { provideSystemPackages, sandboxTrouble } from "./system-packages.mjs"

const NODE_OWN = [20, 19]
const NODE_DEVELOPMENT = 24
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..")
const bin = join(root, "node_modules/.bin")
const marker = join(root, "node_modules/.vouchsafe-setup")
/** Scripts of package.json whose run needs programs of the system; the others need Node and npm only. */
const NEEDS_SYSTEM = ["test", "soak"]
/** Where administrators' programs are, which an ordinary user's PATH leaves out. */
const ADMIN_FOLDERS = ["/usr/sbin", "/sbin"]
/** Debian keeps PostgreSQL's server outside the PATH, by version. */
const POSTGRES_HOME = "/usr/lib/postgresql"
const PACKAGE_LISTS = "/var/lib/apt/lists"
const windows = process.platform === "win32"

/** @returns {never} */
function fail(message, hint) {
  console.error(`setup: ${message}\n  hint: ${hint}`)
  process.exit(1)
}

function programFolders() {
  const versions = existsSync(POSTGRES_HOME) ? readdirSync(POSTGRES_HOME).map((version) => join(POSTGRES_HOME, version, "bin")) : []
  return [...(process.env.PATH ?? "").split(delimiter), process.env.VOUCHSAFE_POSTGRES_BIN ?? "", ...ADMIN_FOLDERS, ...versions]
}

/** Digest of everything that decides what an install holds. */
function wantedDigest() {
  const workspaces = ["test-e2e", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}`)]
  const paths = ["pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", "package.json", ...workspaces.map((path) => `${path}/package.json`)]
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\0`)
  for (const path of paths.filter((name) => existsSync(join(root, name))).sort()) hash.update(`${path}\0`).update(readFileSync(join(root, path))).update("\0")
  return hash.digest("hex")
}

function install(pnpm) {
  const args = ["-y", pnpm, "install", "--frozen-lockfile", "--ignore-scripts", "--prefer-offline", "--reporter=append-only"]
  console.log(`setup: npx ${args.join(" ")}`)
  const result = spawnSync("npx", args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], shell: windows })
  if (result.error !== undefined) fail(`npx does not start: ${result.error.message}`, "npm comes with Node; is it on the PATH?")
  if (result.status !== 0) {
    fail(`the install ended with status ${result.status}, expected 0`, "is the registry of your npm configuration reachable? if a package.json changed, refresh the lockfile and commit it")
  }
  for (const name of ["turbo", "tsc", "vitest", "tsup"]) {
    if (!existsSync(join(bin, name))) fail(`node_modules/.bin/${name} is missing after the install`, "remove node_modules and run again")
  }
}

/** The development tools run TypeScript as it stands, which needs the newer Node: the pinned one, or the person's own. */
function checkDevelopmentNode() {
  const own = `Node ${process.versions.node} on ${process.platform} ${process.arch}`
  const ownIsNew = Number(process.versions.node.split(".")[0]) >= NODE_DEVELOPMENT
  const pinned = join(bin, "node")
  if (existsSync(pinned)) {
    const answer = spawnSync(pinned, ["--version"], { encoding: "utf8" })
    if (answer.status === 0) return
    // It is first on every script's PATH, so a pinned Node that this system cannot run would stand in the way.
    if (!ownIsNew) fail(`the workspace's own Node does not run here (${answer.error?.message ?? answer.stderr.trim()}), and yours is ${own}`, `install Node >= ${NODE_DEVELOPMENT} and run again`)
    rmSync(pinned)
  }
  if (!ownIsNew) fail(`development needs Node >= ${NODE_DEVELOPMENT}; the workspace brings one for linux x64, and this is ${own}`, `install Node >= ${NODE_DEVELOPMENT} and run again`)
}

function provideSystem() {
  const world = {
    has: (program) => programFolders().some((folder) => folder !== "" && existsSync(join(folder, program))),
    isRoot: process.getuid?.() === 0,
    hasPackageLists: () => existsSync(PACKAGE_LISTS) && readdirSync(PACKAGE_LISTS).some((name) => name.includes("_Packages")),
    run: (program, args, env, timeout) => spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env }, timeout }).status,
    print: (line) => console.log(line),
  }
  const trouble = provideSystemPackages(world)
  if (trouble !== undefined) fail(trouble.message, trouble.hint)
  const sandbox = sandboxTrouble(world)
  if (sandbox !== undefined) console.error(`setup: ${sandbox}\n  hint: tests of rebuilds fail without it; all others run`)
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < NODE_OWN[0] || (major === NODE_OWN[0] && minor < NODE_OWN[1])) {
  fail(`expected Node >= ${NODE_OWN.join(".")}, found ${process.versions.node}`, "install a newer Node and run again")
}
const digest = wantedDigest()
const installed = existsSync(marker) && existsSync(join(bin, "turbo")) && readFileSync(marker, "utf8") === digest
if (!installed) {
  rmSync(marker, { force: true })
  install(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager)
}
checkDevelopmentNode()
// Written last: an install that was cut off has no marker and starts over.
if (!installed) writeFileSync(marker, digest)
// Last: it may need rights that this user has not, and what came before is of use without it.
if (NEEDS_SYSTEM.includes(process.env.npm_lifecycle_event ?? "")) provideSystem()
