/**
 * Values of the configuration about artifacts.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"

const UNITS = ["", "KiB", "MiB", "GiB", "TiB"]
const BYTES = /^([1-9][0-9]{0,15})((?:[KMGT]iB)?)$/

/** `1048576`, `1024KiB` or `1MiB`. @throws VouchsafeError CONFIG_MALFORMED. */
export function parseBytes(what: string, text: string): number {
  const [, digits, unit = ""] = BYTES.exec(text) ?? []
  const bytes = Number(digits) * 1024 ** UNITS.indexOf(unit)
  if (!Number.isSafeInteger(bytes)) throw new VouchsafeError("CONFIG_MALFORMED", `${what} is ${shown(text)}, expected bytes such as 1073741824, 500MiB or 10GiB`)
  return bytes
}

/** `on` or `off`. @throws VouchsafeError CONFIG_MALFORMED. */
export function parseSwitch(what: string, text: string): boolean {
  if (text !== "on" && text !== "off") throw new VouchsafeError("CONFIG_MALFORMED", `${what} is ${shown(text)}, expected on or off`)
  return text === "on"
}
