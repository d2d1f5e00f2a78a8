/**
 * YAML that a package manager reads too: what it could understand in another way is refused.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { parse } from "yaml"
import { twoReadings } from "../two-readings.ts"

/** Longest settings file that is read, in UTF-16 units. */
const SETTINGS_LENGTH_MAX = 1_048_576
/** Aliases that a file may use before it is taken for an attempt to fill memory. */
const ALIASES_MAX = 100

/**
 * Reads one document as pnpm (`merge`: it follows merge keys) or Yarn does.
 * @param file - for messages
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function readManagerYaml(text: string, file: string, { merge }: { readonly merge: boolean }): unknown {
  if (text.length > SETTINGS_LENGTH_MAX) throw new VouchsafeError("CONFIG_MALFORMED", `${file} has ${text.length} characters, expected at most ${SETTINGS_LENGTH_MAX}`)
  const doubt = twoReadings(text, "yaml")
  if (doubt !== undefined) throw new VouchsafeError("CONFIG_MALFORMED", `${file} has ${doubt}`, { hint: "package managers may read the rest in another way; save it with line feeds, without lines that begin with %" })
  try {
    return parse(text, { merge, maxAliasCount: ALIASES_MAX }) as unknown
  } catch (cause) {
    throw new VouchsafeError("CONFIG_MALFORMED", `${file} is not valid YAML`, { cause })
  }
}
