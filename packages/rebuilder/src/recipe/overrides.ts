/**
 * Reviewed recipes for packages that the rules do not build (packages/rebuilder/recipes/): each names versions and says why.
 *
 * @packageDocumentation
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { shown, VouchsafeError } from "@vouchsafe/core"
import { asObject, asPlainText, member } from "@vouchsafe/tarball"
import { parseRecipe, type Recipe } from "./recipe.ts"

export const OVERRIDES_FORMAT = "vouchsafe-recipes/v1"
const REASON_LENGTH_MAX = 500
const REASON_LENGTH_MIN = 20
/** `1.2.3`, `1.2.*` or `1.*`. */
const VERSIONS = /^\d+\.(?:\*|\d+\.(?:\*|\d+(?:-[0-9A-Za-z.-]+)?))$/

/** A recipe for some versions of one package. */
export interface Override {
  readonly versions: readonly string[]
  readonly reason: string
  readonly recipe: Recipe
}

/** Name of the file that holds a package's recipes. */
export function overrideFile(name: string): string {
  return `${name.replace("/", "+")}.json`
}

/** @throws VouchsafeError REQUEST_MALFORMED. */
export function parseOverrides(text: string, name: string): readonly Override[] {
  const malformed = (why: string): VouchsafeError => new VouchsafeError("REQUEST_MALFORMED", `recipes of ${shown(name)}: ${why}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new VouchsafeError("REQUEST_MALFORMED", `recipes of ${shown(name)}: no JSON`, { cause })
  }
  const file = asObject(value)
  const list = file === undefined ? undefined : member(file, "recipes")
  if (file === undefined || Object.keys(file).sort().join() !== "format,package,recipes" || !Array.isArray(list) || list.length === 0) throw malformed("expected format, package and recipes")
  if (member(file, "format") !== OVERRIDES_FORMAT || member(file, "package") !== name) throw malformed(`expected the format ${OVERRIDES_FORMAT} and this package's name`)
  return list.map((item: unknown) => {
    const entry = asObject(item)
    if (entry === undefined || Object.keys(entry).sort().join() !== "reason,recipe,versions") throw malformed("a recipe has other members than versions, reason, recipe")
    const [versions, reason] = [member(entry, "versions"), asPlainText(member(entry, "reason"), REASON_LENGTH_MAX)]
    if (!Array.isArray(versions) || versions.length === 0 || !versions.every((range): range is string => typeof range === "string" && VERSIONS.test(range))) throw malformed("versions are no list of versions such as 1.2.3 or 1.*")
    if (reason === undefined || reason.length < REASON_LENGTH_MIN) throw malformed(`the reason has less than ${REASON_LENGTH_MIN} characters`)
    return { versions, reason, recipe: parseRecipe(member(entry, "recipe")) }
  })
}

/** The reviewed recipe of a version; undefined where there is none. */
export async function findOverride(folder: string, name: string, version: string): Promise<Override | undefined> {
  let text: string
  try {
    text = await readFile(join(folder, overrideFile(name)), "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
  return parseOverrides(text, name).find(({ versions }) => versions.some((range) => range === version || (range.endsWith("*") && version.startsWith(range.slice(0, -1)))))
}
