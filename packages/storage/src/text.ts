import { readFileSync, statSync } from "node:fs"
import { shown, VouchsafeError } from "@vouchsafe/core"
import { SECRET_FILE_BYTES_MAX } from "./limits.ts"

/** Refuses parameters that are unknown, empty or given twice. */
export function refuseUnknown(parameters: URLSearchParams, known: readonly string[], refuse: (why: string) => VouchsafeError): void {
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw refuse(`has an unknown parameter ${shown(name)}, expected some of ${known.join(", ")}`)
    const values = parameters.getAll(name)
    if (values.length !== 1 || values[0] === "") throw refuse(`parameter ${name} is empty or given twice`)
  }
}

/**
 * Reads a small file named in a configuration.
 * @throws VouchsafeError DISK, which names the file and never its content.
 */
export function readSecretFile(path: string, what: string): string {
  try {
    const { size } = statSync(path)
    if (size > SECRET_FILE_BYTES_MAX) throw new VouchsafeError("DISK", `${what}: ${shown(path)} has ${size} bytes, expected at most ${SECRET_FILE_BYTES_MAX}`)
    return readFileSync(path, "utf8")
  } catch (error) {
    if (error instanceof VouchsafeError) throw error
    throw new VouchsafeError("DISK", `${what}: cannot read ${shown(path)}`, { cause: error })
  }
}
