import ts from "typescript"
import { ARROWS } from "./arrows.ts"
import type { Finding } from "./finding.ts"
import { placeOf } from "./place.ts"

/** Names that reach outside: the world comes in as an argument, so pure code has no use for them. */
const OUTSIDE: ReadonlySet<string> = new Set([
  "process", "Buffer", "performance", "fetch", "globalThis", "global", "window", "self", "navigator", "console", "require",
  "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "XMLHttpRequest", "WebSocket", "eval", "Function",
])

/** Members of otherwise pure globals that read the clock or the dice. */
const IMPURE_MEMBERS: ReadonlySet<string> = new Set(["Date.now", "Math.random", "crypto.getRandomValues", "crypto.randomUUID"])

/** Refuses clock, randomness, network and Node in the pure packages' `src`. Imports are {@link checkImports}' part. */
export function checkPurity(source: ts.SourceFile): Finding[] {
  const { folder, inSrc } = placeOf(source.fileName)
  if (folder === undefined || !inSrc || ARROWS[folder]?.pure !== true) return []
  const findings: Finding[] = []
  const visit = (node: ts.Node): void => {
    const found = impurityOf(node)
    if (found !== undefined) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      findings.push({ file: source.fileName, line, rule: "pure", message: `${folder} is pure: ${found}` })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return findings
}

function impurityOf(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node) && OUTSIDE.has(node.text) && isReference(node)) return `${node.text} comes from outside; take it as an argument`
  if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return "import.meta is the host's"
  const member = memberOf(node)
  if (member !== undefined && IMPURE_MEMBERS.has(member)) return `${member} differs from run to run; take it as an argument`
  if (ts.isNewExpression(node) && isDate(node.expression) && (node.arguments ?? []).length === 0) {
    return "new Date() reads the clock; take the time as an argument"
  }
  if (ts.isCallExpression(node) && isDate(node.expression)) return "Date() reads the clock; take the time as an argument"
  return undefined
}

/** `Date.now` and `Date["now"]` alike, also as a value and not only as a call. */
function memberOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) return `${node.expression.text}.${node.name.text}`
  if (!ts.isElementAccessExpression(node) || !ts.isIdentifier(node.expression)) return undefined
  return ts.isStringLiteralLike(node.argumentExpression) ? `${node.expression.text}.${node.argumentExpression.text}` : undefined
}

function isDate(node: ts.Expression): boolean {
  return ts.isIdentifier(node) && node.text === "Date"
}

/** False for names of members (`x.process`, `{ process: 1 }`, `interface { fetch(): … }`), which reach nothing. */
function isReference(node: ts.Identifier): boolean {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isQualifiedName(parent)) return parent.left === node
  const named = ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent) || ts.isPropertySignature(parent)
    || ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent) || ts.isGetAccessorDeclaration(parent)
  return !(named && parent.name === node)
}
