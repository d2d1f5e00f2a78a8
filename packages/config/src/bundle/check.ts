import { basename, join, resolve, sep } from "node:path"
import type { BuildPlugin } from "./tsup.ts"

const ROOT = resolve(import.meta.dirname, "../../../..")
// Whole folder names: a repository in /app must not find itself in "/application".
const FOLDERS = [process.cwd(), join(ROOT, "packages"), join(ROOT, "node_modules")].map((folder) => `${folder}${sep}`)

/** Refuses a bundle that names a folder of the machine that built it: nobody else could build the same bytes. */
export function checkOutput(): BuildPlugin {
  return {
    name: "vouchsafe-check-output",
    setup(build) {
      build.onEnd((result) => {
        const errors: { text: string }[] = []
        for (const { path, text } of result.outputFiles ?? []) {
          const name = basename(path)
          for (const folder of FOLDERS) {
            if (text.includes(folder)) errors.push({ text: `${name} names a folder of this machine, ${folder}` })
          }
        }
        return { errors }
      })
    },
  }
}
