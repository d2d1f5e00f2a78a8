import { isBuiltin } from "node:module"
import { posix } from "node:path"
import ts from "typescript"
import { ARROWS, DEV_ONLY, DEV_ONLY_WORKSPACE } from "./arrows.ts"
import type { Finding } from "./finding.ts"
import { placeOf } from "./place.ts"

/** One import of a file: the specifier, or undefined where it is computed. */
interface Import {
  readonly specifier: string | undefined
  readonly line: number
}

/**
 * Checks the arrows of one file under `src`.
 *
 * @param folderByName - folder under `packages/` by package name, of this tree
 */
export function checkImports(source: ts.SourceFile, folderByName: ReadonlyMap<string, string>): Finding[] {
  const { folder, inSrc } = placeOf(source.fileName)
  if (folder === undefined || !inSrc) return []
  const findings: Finding[] = []
  for (const { specifier, line } of importsOf(source)) {
    const message = reasonAgainst(source.fileName, folder, specifier, folderByName)
    if (message !== undefined) findings.push({ file: source.fileName, line, rule: "arrows", message })
  }
  return findings
}

function reasonAgainst(
  file: string,
  folder: string,
  specifier: string | undefined,
  folderByName: ReadonlyMap<string, string>,
): string | undefined {
  if (specifier === undefined) return "a computed import cannot be checked; write the specifier as a literal"
  const row = ARROWS[folder]
  if (row === undefined) return `packages/${folder} has no row in packages/config/src/tidy/arrows.ts`
  if (specifier.startsWith(".") || specifier.startsWith("/")) return reasonAgainstPath(file, folder, specifier)
  if (isBuiltin(specifier)) return row.pure ? `${folder} is pure: "${specifier}" is Node's` : undefined
  const name = packageNameOf(specifier)
  if (DEV_ONLY.includes(name)) return `"${name}" is for tests only, not for src`
  const target = folderByName.get(name)
  if (target === undefined) {
    if (name.startsWith("@vouchsafe/")) return `"${name}" is no package of this workspace`
    if (row.thirdParty.includes(name)) return undefined
    return `${folder} may import ${listed(row.thirdParty)} from outside, found "${name}"`
  }
  if (target === folder) return `"${specifier}" is this package; import the file`
  if (DEV_ONLY_WORKSPACE.includes(target)) return `"${name}" is for tests only, not for src`
  if (row.starts.includes(target)) return `${folder} starts ${target} as a process and never imports it`
  if (row.workspace.includes(target)) return undefined
  return `${folder} may import ${listed(row.workspace)}, found ${target}`
}

function reasonAgainstPath(file: string, folder: string, specifier: string): string | undefined {
  const path = posix.join(posix.dirname(file), specifier)
  if (specifier.startsWith("/") || !path.startsWith(`packages/${folder}/`)) return `"${specifier}" leaves the package`
  if (path.startsWith(`packages/${folder}/src/`) || path === `packages/${folder}/package.json`) return undefined
  return `"${specifier}" leaves src: product code imports product code`
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ")
}

function packageNameOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")
}

/** Every way to name another module: declarations, `import()`, `require()`, import types and references. */
function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = []
  const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1
  const add = (at: ts.Node, expression: ts.Node | undefined): void => {
    const literal = expression !== undefined && ts.isStringLiteralLike(expression) ? expression.text : undefined
    found.push({ specifier: literal, line: lineAt(at.getStart(source)) })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier)
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) add(node, node.moduleSpecifier)
    else if (ts.isExternalModuleReference(node)) add(node, node.expression)
    else if (ts.isImportTypeNode(node)) add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined)
    else if (ts.isCallExpression(node) && loadsModule(node.expression)) add(node, node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(source)
  for (const reference of source.referencedFiles) {
    found.push({ specifier: `./${reference.fileName}`, line: lineAt(reference.pos) })
  }
  return found
}

function loadsModule(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require")
}
