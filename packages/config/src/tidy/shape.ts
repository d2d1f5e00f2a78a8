import ts from "typescript"
import type { Finding } from "./finding.ts"
import { placeOf } from "./place.ts"

/** Lines of a file under `src`. */
export const SRC_LINES_MAX = 300
/** Lines of a function under `src`, without the functions written inside it. */
export const FUNCTION_LINES_MAX = 70
/** Lines of an `index.ts`. */
export const INDEX_LINES_MAX = 60

const JUSTIFIED = /eslint-disable(?:-next-line|-line)?\s+import\/no-default-export\s+--\s+\S/

/** Checks the shape of one source file: default exports, enums, empty catches, lengths, tables of contents. */
export function checkShape(source: ts.SourceFile): Finding[] {
  const { inSrc } = placeOf(source.fileName)
  const findings: Finding[] = []
  const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1
  const refuse = (node: ts.Node, rule: string, message: string): void => {
    findings.push({ file: source.fileName, line: lineAt(node.getStart(source)), rule, message })
  }
  const visit = (node: ts.Node): void => {
    if (isDefaultExport(node) && !isJustified(source, node)) {
      refuse(node, "default-export", "no default exports; where a host demands one, write `eslint-disable-next-line import/no-default-export -- why` above it")
    }
    if (ts.isEnumDeclaration(node)) refuse(node, "enum", "no enums; use a union of literals")
    if (isEmptyCatch(node)) refuse(node, "empty-catch", "a caught error becomes a refusal or a typed error, never nothing")
    if (inSrc && ts.isFunctionLike(node)) {
      const lines = ownLines(source, node)
      if (lines > FUNCTION_LINES_MAX) refuse(node, "function-length", `function of ${lines} lines, expected at most ${FUNCTION_LINES_MAX}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  if (inSrc) findings.push(...checkLengthAndIndex(source))
  return findings
}

function checkLengthAndIndex(source: ts.SourceFile): Finding[] {
  const findings: Finding[] = []
  const lines = source.text.split("\n").length - (source.text.endsWith("\n") ? 1 : 0)
  const at = (line: number, rule: string, message: string): Finding => ({ file: source.fileName, line, rule, message })
  if (lines > SRC_LINES_MAX) findings.push(at(SRC_LINES_MAX + 1, "file-length", `${lines} lines, expected at most ${SRC_LINES_MAX}`))
  if (!source.fileName.endsWith("/index.ts")) return findings
  if (lines > INDEX_LINES_MAX) findings.push(at(INDEX_LINES_MAX + 1, "index", `index.ts of ${lines} lines, expected at most ${INDEX_LINES_MAX}`))
  const other = source.statements.find((statement) => !(ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined))
  if (other !== undefined) {
    const line = source.getLineAndCharacterOfPosition(other.getStart(source)).line + 1
    findings.push(at(line, "index", "index.ts is a table of contents: only `export … from` belongs here"))
  }
  return findings
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return node.isExportEquals !== true
  if (ts.isExportSpecifier(node)) return node.name.text === "default"
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) ?? [] : []
  return modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)
}

/** The reason stands on the line above the export or on its own line. */
function isJustified(source: ts.SourceFile, node: ts.Node): boolean {
  const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line
  const lines = source.text.split("\n")
  return JUSTIFIED.test(lines[line - 1] ?? "") || JUSTIFIED.test(lines[line] ?? "")
}

/** `catch {}` and `.catch(() => {})`; a comment inside does not fill them. */
function isEmptyCatch(node: ts.Node): boolean {
  if (ts.isCatchClause(node)) return node.block.statements.length === 0
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false
  const handler = node.arguments[0]
  if (node.expression.name.text !== "catch" || handler === undefined) return false
  if (!ts.isArrowFunction(handler) && !ts.isFunctionExpression(handler)) return false
  return ts.isBlock(handler.body) && handler.body.statements.length === 0
}

/** A function's lines, less those of the block-bodied functions inside it: these are counted as themselves. */
function ownLines(source: ts.SourceFile, node: ts.SignatureDeclaration): number {
  const linesOf = (inner: ts.Node): number => {
    const start = source.getLineAndCharacterOfPosition(inner.getStart(source)).line
    return source.getLineAndCharacterOfPosition(inner.getEnd()).line - start + 1
  }
  if (!("body" in node) || node.body === undefined) return 0
  let lines = linesOf(node)
  const visit = (inner: ts.Node): void => {
    const body = ts.isFunctionLike(inner) && "body" in inner ? inner.body : undefined
    if (body !== undefined && ts.isBlock(body)) lines -= Math.max(0, linesOf(inner) - 1)
    else ts.forEachChild(inner, visit)
  }
  ts.forEachChild(node.body, visit)
  return lines
}
