/**
 * OpenPGP signatures, judged by gpg.
 *
 * OpenPGP is too large to be judged by own code, and gpg too large to be handed foreign bytes on the host: it runs in the
 * sandbox, without network, in a home folder made for one question, with the given public keys and no others. Whether it
 * trusts a key is not asked: to be given here is to be trusted.
 *
 * @packageDocumentation
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Bytes } from "@vouchsafe/core"
import type { Executor, SandboxLimits } from "../sandbox/executor.ts"

/** Lines around a public key, as `gpg --armor --export` writes them. */
export const PUBLIC_KEY_BLOCK = /^-----BEGIN PGP PUBLIC KEY BLOCK-----$[^]*?^-----END PGP PUBLIC KEY BLOCK-----$/gm
/** Where the question's files stand inside. */
const INSIDE = "/gpg"
const MINUTE_MS = 60_000
const MEBIBYTE = 1024 * 1024
const LIMITS: SandboxLimits = { timeMs: MINUTE_MS, memoryBytes: 512 * MEBIBYTE, processes: 64, diskBytes: 64 * MEBIBYTE, outputBytes: MEBIBYTE, openFiles: 256 }

/** What is needed to ask gpg. */
export interface OpenPgpTools {
  readonly executor: Executor
  /** A folder of the host, in which a folder for each question is made and removed. */
  readonly folder: string
}

/** What gpg said. `key` is the fingerprint of the primary key, upper-case hex, and only there when the signature is one of it. */
export type OpenPgpAnswer =
  | { readonly state: "valid"; readonly key: string; readonly signer: string | null; readonly detail: string }
  | { readonly state: "bad" | "unchecked"; readonly key: string | null; readonly signer: null; readonly detail: string }

/** Parts a text into armored public keys and the rest, which is an allowed_signers file. */
export function splitKeys(text: string): { readonly openpgp: string; readonly ssh: string } {
  return { openpgp: (text.match(PUBLIC_KEY_BLOCK) ?? []).map((block) => `${block}\n`).join(""), ssh: text.replace(PUBLIC_KEY_BLOCK, "") }
}

/**
 * Judges a detached OpenPGP signature.
 *
 * A key that has expired since counts, one that had expired when the signature was made does not; a revoked one never does.
 *
 * @param keys - armored public keys
 * @param time - seconds since 1970 that the object claims
 */
export async function checkOpenPgp(tools: OpenPgpTools, question: { keys: string; signature: string; payload: Bytes; time: number | null }): Promise<OpenPgpAnswer> {
  const folder = await mkdtemp(join(tools.folder, "gpg-"))
  try {
    await mkdir(join(folder, "home"), { mode: 0o700 })
    await writeFile(join(folder, "keys.asc"), question.keys)
    await writeFile(join(folder, "signature.asc"), question.signature, "latin1")
    await writeFile(join(folder, "payload"), question.payload)
    const imported = await gpg(tools, folder, ["--import", `${INSIDE}/keys.asc`])
    if (typeof imported === "string") return unchecked(imported)
    const now = await gpg(tools, folder, ["--verify", `${INSIDE}/signature.asc`, `${INSIDE}/payload`])
    if (typeof now === "string") return unchecked(now)
    if (!now.some(({ keyword }) => keyword === "EXPKEYSIG")) return judge(now)
    const made = Number(now.find(({ keyword }) => keyword === "VALIDSIG")?.fields[2])
    const then = Math.max(made, question.time ?? 0)
    if (!Number.isSafeInteger(then) || then <= 0) return { state: "bad", key: null, signer: null, detail: "the key has expired, and the signature does not say when it was made" }
    const earlier = await gpg(tools, folder, ["--faked-system-time", `${then}!`, "--verify", `${INSIDE}/signature.asc`, `${INSIDE}/payload`])
    return typeof earlier === "string" ? unchecked(earlier) : judge(earlier)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function unchecked(detail: string): OpenPgpAnswer {
  return { state: "unchecked", key: null, signer: null, detail }
}

interface StatusLine {
  readonly keyword: string
  readonly fields: readonly string[]
}

const OPTIONS = [
  "--homedir", `${INSIDE}/home`, "--no-options", "--batch", "--no-tty", "--no-autostart", "--disable-dirmngr", "--no-auto-key-retrieve",
  "--no-auto-key-locate", "--no-auto-check-trustdb", "--trust-model", "always", "--status-fd", "1",
]

/** One run of gpg: its status lines, or why there are none. */
async function gpg({ executor }: OpenPgpTools, folder: string, args: readonly string[]): Promise<readonly StatusLine[] | string> {
  const chunks: Uint8Array[] = []
  const spec = { mounts: [{ host: folder, inside: INSIDE, writable: true }], forwards: [], limits: LIMITS }
  // Standard error is for people, in the language of their choice, and would mix with the status.
  const argv = ["/bin/sh", "-c", 'command -v gpg >/dev/null || exit 127; exec gpg "$@" 2>/dev/null', "gpg", ...OPTIONS, ...args]
  const outcome = await executor.run(spec, { argv, cwd: INSIDE, env: { PATH: "/usr/bin:/bin", LC_ALL: "C", GNUPGHOME: `${INSIDE}/home` }, timeoutMs: MINUTE_MS }, (chunk) => chunks.push(chunk))
  if (outcome.status !== "exited") return `gpg did not end by itself: ${outcome.status}, ${outcome.detail}`
  if (outcome.exitCode === 127) return "gpg is not installed"
  const lines = Buffer.concat(chunks).toString("utf8").split("\n").filter((line) => line.startsWith("[GNUPG:] "))
  return lines.map((line) => {
    const [keyword = "", ...fields] = line.slice("[GNUPG:] ".length).split(" ")
    return { keyword, fields }
  })
}

/** Keywords that each answer for one signature (doc/DETAILS of GnuPG). */
const ANSWERS = new Set(["GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG"])
const BAD: Readonly<Record<string, string>> = {
  EXPSIG: "the signature itself has expired",
  EXPKEYSIG: "the key had expired when the signature was made",
  REVKEYSIG: "the key is revoked",
  BADSIG: "the signature is not one over these bytes",
}
const FINGERPRINT = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/

function judge(lines: readonly StatusLine[]): OpenPgpAnswer {
  const answers = lines.filter(({ keyword }) => ANSWERS.has(keyword))
  const valid = lines.filter(({ keyword }) => keyword === "VALIDSIG")
  const [answer] = answers
  if (answer === undefined) return { state: "bad", key: null, signer: null, detail: "gpg finds no signature in it" }
  if (answers.length > 1) return { state: "bad", key: null, signer: null, detail: `there are ${answers.length} signatures, expected one` }
  if (answer.keyword === "ERRSIG") {
    const missing = lines.some(({ keyword }) => keyword === "NO_PUBKEY")
    return unchecked(missing ? `signed, as it says itself, by the key ${answer.fields[0] ?? "?"}, which was not given` : "gpg cannot judge this kind of signature")
  }
  // The last field is the primary key, which people know; a subkey made the signature.
  const key = valid[0]?.fields.at(-1) ?? ""
  const fingerprint = valid.length === 1 && FINGERPRINT.test(key) ? key : null
  const reason = BAD[answer.keyword]
  if (reason !== undefined) return { state: "bad", key: answer.keyword === "BADSIG" ? null : fingerprint, signer: null, detail: reason }
  if (fingerprint === null) return { state: "bad", key: null, signer: null, detail: "gpg calls it good and names no key" }
  return { state: "valid", key: fingerprint, signer: answer.fields.slice(1).join(" ") || null, detail: `signed by the OpenPGP key ${fingerprint}` }
}
