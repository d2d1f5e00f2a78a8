/**
 * YAML that a package manager reads too: what it could understand in another way is refused.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { parse } from "yaml"

/** Aliases that a file may use before it is taken for an attempt to fill memory. */
const ALIASES_MAX = 100
/** Managers' readers end lines and comments at a carriage return alone; ours does not. */
const RETURN_ALONE = /\r(?!\n)/
/** It chooses a YAML in which other words are true or false. */
const DIRECTIVE = /^%/m

/**
 * Reads one document as pnpm (`merge`: it follows merge keys) or Yarn does.
 * @param file - for messages
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function readManagerYaml(text: string, file: string, { merge }: { readonly merge: boolean }): unknown {
  if (RETURN_ALONE.test(text)) throw new VouchsafeError("CONFIG_MALFORMED", `${file} has a carriage return without a line feed`, { hint: "package managers read what stands behind one; save the file with line feeds" })
  if (DIRECTIVE.test(text)) throw new VouchsafeError("CONFIG_MALFORMED", `${file} has a YAML directive`, { hint: "take the line that begins with % away" })
  try {
    return parse(text, { merge, maxAliasCount: ALIASES_MAX }) as unknown
  } catch (cause) {
    throw new VouchsafeError("CONFIG_MALFORMED", `${file} is not valid YAML`, { cause })
  }
}
