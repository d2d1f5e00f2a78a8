import { VouchsafeError } from "@vouchsafe/core"

/** A command that needs an argument of another form. Exit 2. */
export function usage(message: string, hint?: string): VouchsafeError {
  return new VouchsafeError("USAGE", message, { hint })
}
