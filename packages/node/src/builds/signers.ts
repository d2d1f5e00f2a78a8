/**
 * Whose signatures of commits count for this node's rebuilds: the file of `--allowed-signers`.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { readFileSync, statSync } from "node:fs"

/** Anybody may write. */
const WORLD_WRITABLE = 0o002

/**
 * Reads the file once, strictly: an allowed_signers file of ssh-keygen(1), armored OpenPGP public keys, or both. What a rebuild would
 * pass over is an error here, because whoever wrote it believes that it counts.
 * @throws VouchsafeError CONFIG_MALFORMED naming the line, STATE_UNSAFE for a file that anybody may change.
 */
export async function readSigners(path: string): Promise<string> {
  // Only nodes that name a file load the rebuilder's code.
  const { ALLOWED_SIGNERS_LENGTH_MAX, problemsOfSigners } = await import("@vouchsafe/rebuilder")
  const text = readText(path, ALLOWED_SIGNERS_LENGTH_MAX)
  const [problem, ...others] = problemsOfSigners(text)
  if (problem === undefined) return text
  const at = problem.line === 0 ? "" : `line ${problem.line}: `
  throw malformed(path, `${at}${problem.reason}${others.length === 0 ? "" : ` (and ${others.length} more)`}`)
}

function readText(path: string, bytesMax: number): string {
  let bytes: Uint8Array
  try {
    const found = statSync(path)
    if (!found.isFile()) throw malformed(path, "no plain file")
    if (found.size > bytesMax) throw malformed(path, `${found.size} bytes, expected at most ${bytesMax}`)
    if ((found.mode & WORLD_WRITABLE) !== 0) {
      throw new VouchsafeError("STATE_UNSAFE", `allowed signers ${path} may be written by anybody, expected by its owner`, { hint: `run: chmod o-w ${path}, and look at what stands in it` })
    }
    bytes = readFileSync(path)
  } catch (cause) {
    if (cause instanceof VouchsafeError) throw cause
    throw malformed(path, "cannot be read", cause)
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed(path, "no UTF-8 text", cause)
  }
}

function malformed(path: string, why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", `allowed signers ${shown(path)}: ${why}`, { hint: "see ssh-keygen(1), ALLOWED SIGNERS; `gpg --armor --export` writes an OpenPGP key", cause })
}
