// Refuses what the compiler and turbo do not see. Run by `npm test`; alone: `node packages/config/scripts/tidy.ts`.
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { readTrackedFiles } from "../src/tidy/git.ts"
import { checkTree, formatFinding } from "../src/tidy/index.ts"

const root = resolve(process.argv[2] ?? resolve(dirname(fileURLToPath(import.meta.url)), "../../.."))
const files = readTrackedFiles(root)
const findings = checkTree(files)
for (const finding of findings) console.log(formatFinding(finding))
console.log(`tidy: ${files.length} files, ${findings.length} findings`)
if (findings.length > 0 || files.length === 0) process.exitCode = 1
