import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BuildPlugin } from "./tsup.ts"

const FILE_NAME = "THIRD-PARTY.txt"
const PACKAGE_ROOT = /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//
const LICENCE_NAME = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i
const RULE = "-".repeat(80)

interface Notice {
  readonly title: string
  readonly text: string
}

/** Writes the licences of everything that a bundle holds beside it: most of them ask for exactly that. */
export function collectLicences(): BuildPlugin {
  return {
    name: "vouchsafe-licences",
    setup(build) {
      build.onEnd((result) => {
        if (result.errors.length > 0) return {}
        const outdir = build.initialOptions.outdir
        if (outdir === undefined || result.metafile === undefined) return { errors: [{ text: "no licences: esbuild reported no inputs" }] }
        const roots = new Set(Object.keys(result.metafile.inputs).flatMap((input) => PACKAGE_ROOT.exec(input.replaceAll("\\", "/"))?.[1] ?? []))
        const notices = [...new Map([...roots].map(noticeOf).map((notice) => [notice.title, notice])).values()]
        notices.sort((a, b) => (a.title < b.title ? -1 : 1))
        mkdirSync(outdir, { recursive: true })
        if (notices.length > 0) writeFileSync(join(outdir, FILE_NAME), notices.map(({ title, text }) => `${RULE}\n${title}\n\n${text}\n`).join(""))
        return {}
      })
    },
  }
}

function noticeOf(root: string): Notice {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { name: string, version: string, license?: unknown }
  const names = readdirSync(root).filter((name) => LICENCE_NAME.test(name)).sort()
  const texts = names.map((name) => readFileSync(join(root, name), "utf8").replaceAll("\r\n", "\n").trim())
  const licence = typeof manifest.license === "string" ? manifest.license : "see its package.json"
  return { title: `${manifest.name} ${manifest.version} (${licence})`, text: texts.length > 0 ? texts.join("\n\n") : "The package carries no licence file." }
}
