/**
 * `storage` and `objects` as a configuration writes them: what they name is @vouchsafe/storage's, which is not loaded for this. No message
 * repeats an address: it may hold a secret that does not belong there.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"

const STORAGE = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?[^@\s]+$/
const OBJECTS = /^s3:\/\/[^@\s]+$/

/** @throws VouchsafeError CONFIG_MALFORMED for another kind of address, or a password in it. */
export function checkStorage(text: string): string {
  const match = STORAGE.exec(text)
  if (match === null) throw refuse("storage is no address of a database, expected postgres://USER@HOST:PORT/DATABASE")
  // A configuration is shown, copied and passed as an argument that everybody on the machine can read.
  if (match[1]?.includes(":") === true) throw refuse("storage holds a password, expected it in a file or in PGPASSWORD", "add password_file=/path/of/the/file to the address, or set PGPASSWORD")
  return text
}

/** @throws VouchsafeError CONFIG_MALFORMED for another kind of address, or credentials in it. */
export function checkObjects(text: string): string {
  if (OBJECTS.test(text)) return text
  throw refuse("objects is no address of object storage, expected s3://BUCKET/PREFIX?region=REGION without credentials", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE")
}

function refuse(message: string, hint?: string): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", message, { hint })
}
