import ts from "typescript"
import { ARROWS } from "./arrows.ts"
import type { Finding, TreeFile } from "./finding.ts"
import { checkImports } from "./imports.ts"
import { isSource, placeOf } from "./place.ts"
import { checkPurity } from "./purity.ts"
import { checkShape } from "./shape.ts"
import { checkText } from "./text.ts"

const MANIFEST = /^packages\/([^/]+)\/package\.json$/

/**
 * Checks a whole tree. Pure in its input: the same files give the same findings, ordered by file and line.
 *
 * What it sees is syntax: a name that a file declares itself counts like the global of that name.
 */
export function checkTree(files: readonly TreeFile[]): Finding[] {
  const findings: Finding[] = []
  const folderByName = packageFolders(files, findings)
  for (const file of files) {
    findings.push(...checkText(file))
    if (file.text === undefined || !isSource(file.path)) continue
    const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true)
    findings.push(...checkImports(source, folderByName), ...checkPurity(source), ...checkShape(source))
  }
  return findings.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
}

/** Reads each package's name, and refuses packages and source folders that the table does not know. */
function packageFolders(files: readonly TreeFile[], findings: Finding[]): Map<string, string> {
  const folderByName = new Map<string, string>()
  for (const file of files) {
    const folder = MANIFEST.exec(file.path)?.[1]
    if (folder === undefined || file.text === undefined) continue
    if (ARROWS[folder] === undefined) {
      findings.push({ file: file.path, line: 1, rule: "arrows", message: `packages/${folder} has no row in packages/config/src/tidy/arrows.ts` })
    }
    const manifest: unknown = JSON.parse(file.text)
    if (typeof manifest === "object" && manifest !== null && "name" in manifest) folderByName.set(String(manifest.name), folder)
  }
  for (const file of files) {
    const { folder, inSrc } = placeOf(file.path)
    if (folder === "spec" && inSrc) findings.push({ file: file.path, line: 1, rule: "arrows", message: "spec holds no code" })
  }
  return folderByName
}
