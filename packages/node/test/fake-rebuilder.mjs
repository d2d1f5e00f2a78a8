// Stands where the rebuilder stands, and does what the test says. What a real one does is shown by test-e2e/scenarios/builds.e2e.ts.
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [, , modeFile, outside] = process.argv
const mode = readFileSync(modeFile, "utf8").trim()
let text = ""
process.stdin.setEncoding("utf8").on("data", (part) => { text += part }).on("end", () => run(JSON.parse(text)))

const line = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const sha = (algorithm, bytes) => createHash(algorithm).update(bytes).digest("hex")

function compared(request, more = {}) {
  const published = readFileSync(request.tarball)
  const recipe = '{"format":"vouchsafe-recipe/v1"}'
  const document = JSON.stringify({ format: "vouchsafe-differences/v1", files: [] })
  return {
    status: "compared", match: "tgz",
    source: {
      repository: request.source?.repository ?? "https://git.example/acme/zz", commit: request.source?.commit ?? "12".repeat(20), ref: "refs/tags/v1.0.0", foundBy: [request.source === undefined ? "tag" : "given"],
      directory: "", signature: { state: "unsigned", kind: null, key: null, signer: null },
    },
    recipe: { sha256: sha("sha256", recipe), override: false, document: recipe },
    environment: { frozenAt: request.frozenAt, node: "24.1.0", manager: "npm@11.1.0", platform: "linux-x64", sandbox: "bubblewrap 0.8.0" },
    rebuilt: { sha512: sha("sha512", published), tarSha256: "ab".repeat(32), h1: `h1:${"A".repeat(43)}=`, size: published.length, files: 2 },
    differences: { count: 0, classes: {}, document, diff: "" },
    startedAt: 1, finishedAt: 2, ...more,
  }
}

function different(request) {
  const document = JSON.stringify({ format: "vouchsafe-differences/v1", files: [{ path: "index.js", class: "changed" }] })
  return compared(request, {
    match: "none", rebuilt: { ...compared(request).rebuilt, sha512: "cd".repeat(64) },
    differences: { count: 1, classes: { changed: 1 }, document, diff: "--- published/index.js\n+++ rebuilt/index.js\n" },
  })
}

function run(request) {
  line({ type: "step", name: "clone" })
  line({ type: "log", text: `cloning ${request.purl}\n` })
  const result = (value) => line({ type: "result", result: value })
  switch (mode) {
    case "tgz": return result(compared(request))
    case "none": return result(different(request))
    case "failed": return result({ status: "failed", step: "build", code: "BUILD_FAILED", detail: "npm run build ended with 2" })
    case "report":
      // What a build could get hold of.
      writeFileSync(outside, JSON.stringify({ env: process.env, argv: process.argv, request, mode: statSync(request.tarball).mode & 0o777, keys: existsSync(join(request.workspace, "keys")) }))
      return result(compared(request))
    case "hang":
      process.on("SIGTERM", () => undefined)
      writeFileSync(outside, String(process.pid))
      return setInterval(() => undefined, 1_000)
    case "silent": return undefined
    case "dies": return process.kill(process.pid, "SIGKILL")
    case "status": result(compared(request)); process.exitCode = 3; return undefined
    case "prose": return process.stdout.write("building…\n")
    case "twice": result(compared(request)); return result(compared(request))
    case "unknown-event": return line({ type: "done" })
    case "long": return process.stdout.write("x".repeat(34 * 1024 * 1024))
    case "flood": {
      for (let i = 0; i < 1_000; i++) line({ type: "log", text: `${"y".repeat(10_000)}\n` })
      return result(compared(request))
    }
    default: return result(compared(request, JSON.parse(mode)))
  }
}
