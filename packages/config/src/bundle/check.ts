import { basename, join, resolve, sep } from "node:path"
import type { Plugin } from "./esbuild.ts"

const HASHBANG = "#!/usr/bin/env node\n"
const ROOT = resolve(import.meta.dirname, "../../../..")
// Whole folder names: a repository in /app must not find itself in "/application".
const FOLDERS = [process.cwd(), join(ROOT, "packages"), join(ROOT, "node_modules")].map((folder) => `${folder}${sep}`)

/**
 * Refuses a bundle that a stranger could not run or rebuild.
 *
 * - a file named `bin` starts with the line that lets a shell run it (tsup then writes it with mode 755)
 * - no file names a folder of the machine that built it
 */
export function checkOutput(): Plugin {
  return {
    name: "vouchsafe-check-output",
    setup(build) {
      build.onEnd((result) => {
        const errors: { text: string }[] = []
        for (const { path, text } of result.outputFiles ?? []) {
          const name = basename(path)
          if (name === "bin.js" && !text.startsWith(HASHBANG)) errors.push({ text: `${name} does not start with ${JSON.stringify(HASHBANG)}` })
          for (const folder of FOLDERS) {
            if (text.includes(folder)) errors.push({ text: `${name} names a folder of this machine, ${folder}` })
          }
        }
        return { errors }
      })
    },
  }
}
