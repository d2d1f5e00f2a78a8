import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ALLOWED_SIGNERS_LENGTH_MAX, ALLOWED_SIGNERS_LINES_MAX } from "../../src/git/allowed-signers.ts"
import { OPENPGP_KEYS_MAX, problemsOfSigners } from "../../src/git/signers-file.ts"
import { makeSshKey, must, run, workFolder } from "./ssh-tools.ts"

const folder = workFolder("signers")
const home = join(folder, "home")
const gpg = (...args: string[]): string => must("gpg", ["--homedir", home, "--batch", "--quiet", ...args]).toString("utf8")
let ssh = ""
let pgp = ""
beforeAll(() => {
  ssh = makeSshKey(folder, "one", "ed25519").line.split(" ").slice(0, 2).join(" ")
  mkdirSync(home, { mode: 0o700 })
  gpg("--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "Ann <ann@git.example>", "ed25519", "sign", "never")
  pgp = gpg("--armor", "--export")
})
afterAll(() => { run("gpgconf", ["--homedir", home, "--kill", "all"]) })

describe("a file of signers that counts as a whole", () => {
  test.each<{ name: string; text: () => string }>([
    { name: "SSH keys", text: () => `# who\nann@git.example ${ssh}\n\nben@git.example namespaces="git" ${ssh}\n` },
    { name: "an OpenPGP key", text: () => pgp },
    { name: "both", text: () => `ann@git.example ${ssh}\n${pgp}\nben@git.example ${ssh}\n` },
    { name: "an OpenPGP key with Windows' line ends", text: () => pgp.replaceAll("\n", "\r\n") },
    { name: "two OpenPGP keys, one without its checksum", text: () => `${pgp}${pgp.replace(/^=.{4}\n/m, "")}` },
  ])("$name", ({ text }) => {
    expect(problemsOfSigners(text())).toEqual([])
  })
})

describe("what never counts is told with its line", () => {
  test.each<{ name: string; text: () => string; line: number | (() => number); says: string }>([
    { name: "nothing", text: () => "", line: 0, says: "no key" },
    { name: "comments only", text: () => "# none\n\n", line: 0, says: "no key" },
    { name: "too long", text: () => "#".repeat(ALLOWED_SIGNERS_LENGTH_MAX + 1), line: 0, says: "characters" },
    { name: "too many lines", text: () => "#\n".repeat(ALLOWED_SIGNERS_LINES_MAX), line: 0, says: "lines" },
    { name: "a key without a principal", text: () => `ann@git.example ${ssh}\n${ssh}\n`, line: 2, says: "" },
    { name: "a principal without a key", text: () => `ann@git.example ${ssh}\nben@git.example\n`, line: 2, says: "principals and a key" },
    { name: "a key cut short", text: () => `ann@git.example ${ssh.slice(0, -9)}\n`, line: 1, says: "" },
    { name: "a line with Windows' line end, which never matches", text: () => `\nann@git.example ${ssh}\r\n`, line: 2, says: "" },
    { name: "an option that there is not", text: () => `ann@git.example valid-till="20300101" ${ssh}\n`, line: 1, says: "valid-till" },
    { name: "a time that is none", text: () => `ann@git.example valid-before="tomorrow" ${ssh}\n`, line: 1, says: "valid-before" },
    { name: "an authority of certificates", text: () => `*@git.example cert-authority ${ssh}\n`, line: 1, says: "certificates" },
    { name: "a bad line below an OpenPGP key", text: () => `${pgp}nobody\n`, line: () => pgp.split("\n").length, says: "principals and a key" },
    { name: "an OpenPGP block that is not closed", text: () => `ann@git.example ${ssh}\n${pgp.replace(/-----END[^]*/, "")}`, line: 2, says: "no whole block" },
    { name: "an OpenPGP key with other bytes", text: () => `\n${pgp.replace(/\n\n(.{10})./, "\n\n$1#")}`, line: 2, says: "no base64" },
    { name: "an OpenPGP key with another checksum", text: () => pgp.replace(/^=.{4}$/m, "=AAAA"), line: 1, says: "checksum" },
    { name: "an OpenPGP key without its empty line", text: () => pgp.replace("\n\n", "\n"), line: 1, says: "empty line" },
    { name: "an OpenPGP signature in a key's armor", text: () => `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${Buffer.from([0x88, 1, 0]).toString("base64")}\n-----END PGP PUBLIC KEY BLOCK-----\n`, line: 1, says: "something else" },
    { name: "an OpenPGP private key", text: () => pgp.replaceAll("PUBLIC", "PRIVATE"), line: 1, says: "private key" },
    { name: "an SSH private key", text: () => "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n", line: 1, says: "private key" },
    { name: "one OpenPGP key too many", text: () => "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmA==\n-----END PGP PUBLIC KEY BLOCK-----\n".repeat(OPENPGP_KEYS_MAX + 1), line: OPENPGP_KEYS_MAX * 4 + 1, says: "more than" },
  ])("$name", ({ text, line, says }) => {
    const [first] = problemsOfSigners(text())
    expect(first).toEqual({ line: typeof line === "function" ? line() : line, reason: expect.stringContaining(says) as string })
  })
})
