import fc from "fast-check"
import { concatBytes } from "@vouchsafe/core"
import { expect, test } from "vitest"
import { findSigner, parseAllowedSigners } from "../../src/git/allowed-signers.ts"
import { objectIdOf, ObjectRefusal, parseCommitObject, parseTagObject } from "../../src/git/objects.ts"
import { splitKeys } from "../../src/git/openpgp.ts"
import { isRefName, parseRefList } from "../../src/git/refs.ts"
import { sshString } from "../../src/git/ssh-wire.ts"
import { SSH_SIGNATURE_BEGIN, SSH_SIGNATURE_END, verifySshSignature } from "../../src/git/sshsig.ts"
import { checkGitUrl, normaliseRepository } from "../../src/git/url.ts"

// Whatever a repository, a registry or a person hands over: a refusal, and never another error.
const RUNS = process.env["SLOW"] === "1" ? 5000 : 500
const message = Buffer.from("m")

function refusedOr<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ObjectRefusal) return undefined
    throw error
  }
}

test("signatures: any text, any blob, and blobs that are right up to somewhere", () => {
  const armor = (bytes: Uint8Array): string => `${SSH_SIGNATURE_BEGIN}\n${Buffer.from(bytes).toString("base64").replace(/.{70}/g, "$&\n")}\n${SSH_SIGNATURE_END}\n`
  const types = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss", "x"]
  const field = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom(...types, "nistp256", "nistp521").map((text) => Buffer.from(text)))
  const key = fc.tuple(fc.constantFrom(...types), fc.array(field, { maxLength: 4 })).map(([type, fields]) => concatBytes(sshString(type), ...fields.map((bytes) => sshString(bytes))))
  const blob = fc.tuple(key, fc.constantFrom(...types, "rsa-sha2-512"), fc.array(field, { maxLength: 3 })).map(([publicKey, algorithm, fields]) =>
    concatBytes(Buffer.from("SSHSIG\0\0\0\x01", "latin1"), sshString(publicKey), sshString("git"), sshString(""), sshString("sha512"), sshString(concatBytes(sshString(algorithm), ...fields.map((bytes) => sshString(bytes))))))
  fc.assert(fc.property(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 200 }).map(armor), blob.map(armor)), (text) => {
    expect(verifySshSignature(text, message, "git").ok).toBe(false)
  }), { numRuns: RUNS })
})

test("objects: any bytes under their own id", () => {
  const line = fc.oneof(fc.string(), fc.constantFrom(`tree ${"a".repeat(40)}`, `parent ${"b".repeat(40)}`, `object ${"a".repeat(40)}`, "type commit", "tag x", "author A <a> 1 +0000", "committer A <a> 1 +0000", "gpgsig x", " y", "", "-----BEGIN SSH SIGNATURE-----"))
  fc.assert(fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom(40, 64), (lines, length) => {
    const bytes = Buffer.from(lines.join("\n"))
    const commit = refusedOr(() => parseCommitObject(bytes, objectIdOf("commit", bytes, length)))
    // What is signed is never more than what is there.
    if (commit !== undefined) expect(commit.payload.length).toBeLessThanOrEqual(bytes.length)
    const tag = refusedOr(() => parseTagObject(bytes, objectIdOf("tag", bytes, length)))
    if (tag?.signature !== undefined && tag.signature !== null) expect(bytes.subarray(-tag.signature.length).toString("latin1")).toBe(tag.signature)
  }), { numRuns: RUNS })
})

test("allowed signers and keys: any text allows nobody", () => {
  const word = fc.oneof(fc.string(), fc.constantFrom("dev@x ", "*", '"', " ", "\n", "ssh-ed25519 ", "AAAAC3NzaC1lZDI1NTE5AAAAIA", 'namespaces="git" ', "cert-authority ", "#", 'valid-after="20230101" ', "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "\n-----END PGP PUBLIC KEY BLOCK-----"))
  fc.assert(fc.property(fc.array(word, { maxLength: 10 }).map((words) => words.join("")), (text) => {
    const { openpgp, ssh } = splitKeys(text)
    expect(openpgp.length + ssh.length).toBeLessThanOrEqual(text.length + text.split("BEGIN").length)
    expect(parseAllowedSigners(ssh).signers).toEqual([])
    expect(findSigner(parseAllowedSigners(text), { key: { blob: message } as never, namespace: "git", time: 1 }).ok).toBe(false)
  }), { numRuns: RUNS })
})

test("repositories: whatever is let pass is plain, and reads the same when it is read again", () => {
  const part = fc.oneof(fc.string(), fc.constantFrom("https://", "git+ssh://", "file://", "git@", "github.com", "evil.example", ":", "/", "..", "@", "-u", "ext::", "a/b", ".git", "#", "?", "%2e", "\\", "\n", "tree/main/"))
  fc.assert(fc.property(fc.array(part, { maxLength: 8 }).map((parts) => parts.join("")), (text) => {
    const named = normaliseRepository(text)
    if (!named.ok) return
    const checked = checkGitUrl(named.url, { protocols: ["https"], hosts: ["github.com"] })
    if (!checked.ok) return
    expect(checked.url).toMatch(/^https:\/\/github\.com(?:\/(?!-|\.\.?(?:\/|$))[A-Za-z0-9._~@+:-]+)+$/)
    expect(checkGitUrl(checked.url, { protocols: ["https"], hosts: ["github.com"] })).toEqual(checked)
  }), { numRuns: RUNS * 4 })
})

test("refs: whatever is listed is a branch or tag that git would take as a name", () => {
  const name = fc.oneof(fc.string(), fc.string().map((text) => `refs/heads/${text}`), fc.string().map((text) => `refs/tags/${text}^{}`), fc.constantFrom("HEAD", "refs/pull/1/head", "refs/tags/v1", "refs/tags/v1^{}"))
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom("a".repeat(40), "b".repeat(40), "x", "ref: refs/heads/main"), name)), (rows) => {
    const parsed = parseRefList(rows.map(([id, ref]) => `${id}\t${ref}\n`).join(""), true)
    if (!parsed.ok) return
    for (const ref of parsed.value.refs.keys()) expect(isRefName(ref)).toBe(true)
  }), { numRuns: RUNS })
})
