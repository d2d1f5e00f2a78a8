/**
 * Keys to object storage, from the environment or a file, as other tools keep them. Nothing here is ever part of a message.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { readSecretFile } from "../text.ts"

/** A pair of keys, with a session's token where there is one. */
export interface ObjectsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

type Values = Readonly<Record<string, string | undefined>>
const NAMES = { id: "aws_access_key_id", secret: "aws_secret_access_key", token: "aws_session_token" } as const
const DEFAULT_PROFILE = "default"

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", `object storage credentials: ${why}`, {
    hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE and, for another profile than default, AWS_PROFILE",
  })
}

function fromValues(values: Values, where: string): ObjectsCredentials {
  const { id, secret, token } = { id: values[NAMES.id], secret: values[NAMES.secret], token: values[NAMES.token] }
  const check = (value: string | undefined, name: string): string => {
    if (value === undefined || value === "") throw refuse(`${where} has no ${name}`)
    if (!/^[\x21-\x7e]+$/.test(value)) throw refuse(`${name} of ${where} holds white space or what is not ASCII`)
    return value
  }
  const keys = { accessKeyId: check(id, NAMES.id), secretAccessKey: check(secret, NAMES.secret) }
  return token === undefined || token === "" ? keys : { ...keys, sessionToken: check(token, NAMES.token) }
}

/** The members of one section of an INI file. A line that is none of its kinds is refused: half-read credentials are wrong ones. */
function sectionOf(text: string, profile: string): Values {
  const values: Record<string, string> = {}
  let section = ""
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim()
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue
    const header = /^\[([^\]]+)\]$/.exec(line)
    const pair = /^([A-Za-z0-9_]+)\s*=\s*(.*)$/.exec(line)
    if (header !== null) section = (header[1] ?? "").trim()
    else if (pair === null) throw refuse(`line ${i + 1} of the credentials file is neither a section nor a pair`)
    else if (section === profile) values[(pair[1] ?? "").toLowerCase()] = pair[2] ?? ""
  }
  return values
}

/**
 * Finds credentials: the environment's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN), else the profile AWS_PROFILE of the
 * file AWS_SHARED_CREDENTIALS_FILE.
 *
 * @throws VouchsafeError CONFIG_MALFORMED, DISK.
 */
export function findObjectsCredentials(env: Values = process.env): ObjectsCredentials {
  if (env["AWS_ACCESS_KEY_ID"] !== undefined || env["AWS_SECRET_ACCESS_KEY"] !== undefined) {
    return fromValues({
      [NAMES.id]: env["AWS_ACCESS_KEY_ID"], [NAMES.secret]: env["AWS_SECRET_ACCESS_KEY"], [NAMES.token]: env["AWS_SESSION_TOKEN"],
    }, "the environment")
  }
  const file = env["AWS_SHARED_CREDENTIALS_FILE"]
  if (file === undefined || file === "") throw refuse("there are none")
  const profile = env["AWS_PROFILE"] ?? DEFAULT_PROFILE
  return fromValues(sectionOf(readSecretFile(file, "object storage credentials"), profile), `profile ${shown(profile)} of the credentials file`)
}
