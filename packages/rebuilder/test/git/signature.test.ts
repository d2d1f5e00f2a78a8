import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { sharedPath } from "@vouchsafe/config/shared"
import { beforeAll, describe, expect, test } from "vitest"
import { type CommitObject, isObjectId, objectIdOf, parseCommitObject, parseTagObject, type TagObject } from "../../src/git/objects.ts"
import { splitKeys } from "../../src/git/openpgp.ts"
import { checkSignature, type SignatureCheck, type SignatureFact, weightiestSignature } from "../../src/git/signature.ts"
import { createPlainExecutor } from "./plain-executor.ts"
import { makeSshKey, must, run, type SshKeyPair, workFolder } from "./ssh-tools.ts"

const VECTORS = JSON.parse(readFileSync(sharedPath("vectors", "own", "sshsig-git.json"), "utf8")) as Readonly<Record<"commitObject" | "commitPayload" | "commitSha1" | "tagObject" | "tagSha1" | "allowedSigners", string>>
const folder = workFolder("signature")
const FINGERPRINT = /^SHA256:[\w+/]{43}$/

describe("vectors", () => {
  const commit = parseCommitObject(Buffer.from(VECTORS.commitObject), VECTORS.commitSha1)
  const tag = parseTagObject(Buffer.from(VECTORS.tagObject), VECTORS.tagSha1)

  test("the objects' parts", () => {
    expect(commit).toMatchObject({ tree: "aaff74984cccd156a469afa7d9ab10e4777beb24", parents: [], time: 1_700_000_000 })
    expect(Buffer.from(commit.payload).toString()).toBe(VECTORS.commitPayload)
    expect(tag).toMatchObject({ object: VECTORS.commitSha1, objectType: "commit", tag: "v1.0.0", time: 1_700_000_000 })
  })

  test.each([["commit", commit], ["tag", tag]] as const)("the %s's signature is valid, and the facts are right", async (_, object) => {
    const { fact, time } = await checkSignature({ object, allowedSigners: VECTORS.allowedSigners })
    expect(fact).toEqual({ state: "valid", kind: "ssh", key: expect.stringMatching(FINGERPRINT) as string, signer: "dev@example.com" })
    expect(time).toBe(1_700_000_000)
  })

  test("no list, another list, another time: unknown-signer, with the key that did sign", async () => {
    for (const question of [
      { object: commit, allowedSigners: "" },
      { object: commit, allowedSigners: VECTORS.allowedSigners.replace('"git"', '"file"') },
      { object: commit, allowedSigners: VECTORS.allowedSigners.replace('"git"', '"git",valid-before="20200101Z"') },
      { object: commit, allowedSigners: VECTORS.allowedSigners.replace('"git"', '"git",valid-after="20230101Z"'), time: 1_600_000_000 },
      { object: { ...commit, time: null }, allowedSigners: VECTORS.allowedSigners },
    ]) {
      expect((await checkSignature(question)).fact).toEqual({ state: "unknown-signer", kind: "ssh", key: expect.stringMatching(FINGERPRINT) as string, signer: null })
    }
  })

  test.each(["unknown", "x".repeat(401), '"dev\u202eeloper"', '"tab\there"'])("a signer's name that no statement could carry is none: %j", async (name) => {
    const { fact } = await checkSignature({ object: commit, allowedSigners: VECTORS.allowedSigners.replace("dev@example.com", name) })
    expect(fact).toMatchObject({ state: "valid", signer: null })
  })

  test("every byte of the signed payload counts", async () => {
    for (const object of [commit, tag]) {
      for (let at = 0; at < object.payload.length; at++) {
        const payload = Buffer.from(object.payload)
        payload[at] = (payload[at] as number) ^ 1
        expect((await checkSignature({ object: { ...object, payload }, allowedSigners: VECTORS.allowedSigners })).fact).toEqual({ state: "bad", kind: "ssh", key: null, signer: null })
      }
    }
  })
})

test.each([
  { name: "nothing", signature: null, fact: { state: "unsigned", kind: null } },
  { name: "X.509", signature: "-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----\n", fact: { state: "unchecked", kind: null } },
  { name: "OpenPGP without gpg", signature: "-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n", fact: { state: "unchecked", kind: "openpgp" } },
  { name: "rubbish", signature: "rubbish\n", fact: { state: "bad", kind: null } },
  { name: "a broken SSH signature", signature: "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", fact: { state: "bad", kind: "ssh" } },
])("without a key: $name", async ({ signature, fact }) => {
  const object = parseCommitObject(Buffer.from(VECTORS.commitObject), VECTORS.commitSha1)
  expect((await checkSignature({ object: { ...object, signature }, allowedSigners: VECTORS.allowedSigners })).fact).toEqual({ key: null, signer: null, ...fact })
})

const TREE = "tree aaff74984cccd156a469afa7d9ab10e4777beb24\n"
const PEOPLE = "author A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n"
const SIG = "gpgsig x\n y\n"
const parseAny = (type: "commit" | "tag", text: string): CommitObject | TagObject => {
  const bytes = Buffer.from(text)
  return type === "commit" ? parseCommitObject(bytes, objectIdOf("commit", bytes, 40)) : parseTagObject(bytes, objectIdOf("tag", bytes, 40))
}

test.each([
  { name: "empty", text: "", says: "expected a header tree" },
  { name: "no tree", text: `${PEOPLE}\nm\n`, says: "expected a header tree" },
  { name: "a tree in capitals", text: `${TREE.replace("aaff", "AAFF")}${PEOPLE}\nm\n`, says: "expected a header tree" },
  { name: "a tree of 64 digits in a repository of 40", text: `tree ${"a".repeat(64)}\n${PEOPLE}\nm\n`, says: "id of 40 digits" },
  { name: "two trees", text: `${TREE}${TREE}${PEOPLE}\nm\n`, says: "expected author and committer" },
  { name: "a parent after the committer", text: `${TREE}${PEOPLE}parent ${"a".repeat(40)}\n\nm\n`, says: "the header parent" },
  { name: "two authors", text: `${TREE}author A <a@x> 1 +0000\n${PEOPLE}\nm\n`, says: "expected author and committer" },
  { name: "no committer", text: `${TREE}author A <a@x> 1 +0000\n\nm\n`, says: "expected author and committer" },
  { name: "two signatures", text: `${TREE}${PEOPLE}${SIG}${SIG}\nm\n`, says: "2 signatures" },
  { name: "a header that git would leave out of what is signed", text: `${TREE}${PEOPLE}gpgsigx evil\n\nm\n`, says: "gpgsigx" },
  { name: "a header without end", text: `${TREE}author`, says: "no end" },
  { name: "a header without name", text: `${TREE}${PEOPLE}x y\n  z\n`.replace("x y", " y").replace(/^tree/, " tree"), says: "no name" },
])("refuses a commit: $name", ({ text, says }) => {
  expect(() => parseAny("commit", text)).toThrow(says)
})

test.each([
  { name: "no object", text: "type commit\ntag v1\n\nm\n", says: "expected a header object" },
  { name: "no type", text: `object ${"a".repeat(40)}\ntag v1\n\nm\n`, says: "type of an object" },
  { name: "another type", text: `object ${"a".repeat(40)}\ntype note\ntag v1\n\nm\n`, says: "type of an object" },
  { name: "no name", text: `object ${"a".repeat(40)}\ntype commit\ntagger A <a@x> 1 +0000\n\nm\n`, says: "tag's name" },
])("refuses a tag: $name", ({ text, says }) => {
  expect(() => parseAny("tag", text)).toThrow(says)
})

test("bytes under another object's id are refused, and so are ids that are none", () => {
  const bytes = Buffer.from(VECTORS.commitObject)
  expect(() => parseCommitObject(Buffer.from(VECTORS.commitObject.replace("first", "First")), VECTORS.commitSha1)).toThrow(`what was handed out as commit ${VECTORS.commitSha1} is `)
  expect(() => parseTagObject(bytes, VECTORS.commitSha1)).toThrow("what was handed out as tag")
  for (const id of ["", "HEAD", "0".repeat(40), VECTORS.commitSha1.toUpperCase(), VECTORS.commitSha1.slice(1), `${VECTORS.commitSha1}\n`]) {
    expect(isObjectId(id)).toBe(false)
    expect(() => parseCommitObject(bytes, id)).toThrow("is no object id")
  }
})

describe.each(["sha1", "sha256"])("git and we agree: a %s repository", (format) => {
  const repository = join(folder, format)
  const allowed = join(folder, `${format}.allowed`)
  let key: SshKeyPair
  let stranger: SshKeyPair
  const git = (...args: string[]): string => must("git", args, { cwd: repository, env: ENV }).toString("utf8").trim()
  const ENV = { GIT_AUTHOR_NAME: "Dev", GIT_AUTHOR_EMAIL: "dev@x", GIT_COMMITTER_NAME: "Dev", GIT_COMMITTER_EMAIL: "dev@x", GIT_AUTHOR_DATE: "1700000000 +0100", GIT_COMMITTER_DATE: "1700000100 +0200" }
  const read = (type: "commit" | "tag", id: string): CommitObject | TagObject => {
    const bytes = must("git", ["cat-file", type, id], { cwd: repository })
    return type === "commit" ? parseCommitObject(bytes, id) : parseTagObject(bytes, id)
  }
  const both = async (type: "commit" | "tag", id: string, list: string): Promise<{ mine: SignatureFact["state"]; theirs: boolean }> => {
    writeFileSync(allowed, list)
    const theirs = run("git", ["-c", `gpg.ssh.allowedSignersFile=${allowed}`, `verify-${type}`, id], { cwd: repository }).status === 0
    return { mine: (await checkSignature({ object: read(type, id), allowedSigners: list })).fact.state, theirs }
  }
  beforeAll(() => {
    mkdirSync(repository)
    git("init", "-q", "-b", "main", `--object-format=${format}`)
    key = makeSshKey(folder, `git-${format}`, format === "sha1" ? "ed25519" : "ecdsa")
    stranger = makeSshKey(folder, `stranger-${format}`, "ed25519")
    git("config", "gpg.format", "ssh")
    git("config", "user.signingkey", `${key.path}.pub`)
  })

  test("signed and unsigned commits and tags, merges, odd messages, and every list", async () => {
    git("commit", "-q", "--allow-empty", "-S", "-m", "signed")
    git("commit", "-q", "--allow-empty", "-m", "unsigned")
    git("commit", "-q", "--allow-empty", "-S", "--cleanup=verbatim", "-m", "gpgsig in the message\n gpgsig x\n\n-----BEGIN SSH SIGNATURE-----\n  trailing  \n\n\n")
    git("checkout", "-q", "-b", "side", "HEAD~1")
    git("commit", "-q", "--allow-empty", "--allow-empty-message", "-S", "-m", "")
    git("tag", "-s", "-m", "a tag that is merged", "merged")
    git("checkout", "-q", "main")
    git("-c", "i18n.commitEncoding=ISO-8859-1", "merge", "-q", "-S", "--no-ff", "-m", "merge of a tag, which keeps the tag in a header", "merged")
    git("tag", "-a", "-m", "unsigned tag", "plain")
    git("tag", "-s", "-m", "signed tag\n\nwith a body", "signed")
    const lists = [`dev@x ${key.line}\n`, `dev@x namespaces="git" ${key.line}\n`, `dev@x namespaces="file" ${key.line}\n`, `dev@x ${stranger.line}\n`, `dev@x valid-before="20200101Z" ${key.line}\n`, `dev@x valid-after="20231114221459Z",valid-before="20231114221501Z" ${key.line}\n`]
    const expected: Record<string, Record<SignatureFact["state"], number>> = {}
    for (const list of lists) {
      for (const type of ["commit", "tag"] as const) {
        const ids = type === "commit" ? git("rev-list", "--all").split("\n") : ["merged", "plain", "signed"].map((name) => git("rev-parse", name))
        for (const id of ids) {
          const { mine, theirs } = await both(type, id, list)
          expect({ list, id, ok: mine === "valid" }).toEqual({ list, id, ok: theirs })
          expected[type] ??= { valid: 0, unsigned: 0, "unknown-signer": 0, bad: 0, unchecked: 0 }
          expected[type][mine]++
        }
      }
    }
    expect(expected).toEqual({
      commit: { valid: 12, unsigned: 6, "unknown-signer": 12, bad: 0, unchecked: 0 },
      tag: { valid: 6, unsigned: 6, "unknown-signer": 6, bad: 0, unchecked: 0 },
    })
  })

  test("a mutated object is bad or unsigned here, and refused there", async () => {
    const original = must("git", ["cat-file", "commit", git("rev-list", "--all", "--grep=^signed")], { cwd: repository })
    const text = original.toString("latin1")
    const changes = [
      text.replace("signed\n", "Signed\n"), text.replace("author Dev", "author Eve"), text.replace(/1700000100/, "1700000101"), `${text}\n`,
      text.replace(/\n \w{4}/, "\n AAAA"), text.replace("committer", "encoding x\ncommitter").replace(/(encoding x\n)(committer.*\n)/, "$2$1"),
      text.replace(/gpgsig/, "gpgsig-sha1"),
    ]
    for (const change of changes) {
      expect(change).not.toBe(text)
      const id = must("git", ["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], { cwd: repository, input: Buffer.from(change, "latin1") }).toString().trim()
      const list = `dev@x ${key.line}\n`
      writeFileSync(allowed, list)
      expect(run("git", ["-c", `gpg.ssh.allowedSignersFile=${allowed}`, "verify-commit", id], { cwd: repository }).status).not.toBe(0)
      const state = await Promise.resolve().then(() => read("commit", id)).then(async (object) => (await checkSignature({ object, allowedSigners: list })).fact.state, () => "refused")
      expect(["bad", "refused"]).toContain(state)
    }
  })
})

describe("OpenPGP, by gpg", () => {
  const home = mkdtempSync(join(folder, "g"))
  const repository = join(folder, "openpgp")
  const tools = { executor: createPlainExecutor(), folder }
  const gpg = (...args: string[]): string => must("gpg", ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", ...args]).toString("utf8")
  const git = (...args: string[]): string => must("git", args, { cwd: repository, env: { GNUPGHOME: home, GIT_AUTHOR_NAME: "Dev", GIT_AUTHOR_EMAIL: "dev@x", GIT_COMMITTER_NAME: "Dev", GIT_COMMITTER_EMAIL: "dev@x" } }).toString("utf8").trim()
  const make = (user: string, made: string, expires: string): string => {
    gpg("--faked-system-time", made, "--quick-generate-key", user, "ed25519", "sign", expires)
    return /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--with-colons", "--list-keys", user))?.[1] ?? ""
  }
  const publicKey = (fingerprint: string): string => gpg("--armor", "--export", fingerprint)
  const sign = (fingerprint: string, at: string): CommitObject => {
    const program = join(folder, `gpg-${fingerprint}-${at}`)
    writeFileSync(program, `#!/bin/sh\nexec gpg --homedir ${home} --faked-system-time ${at} "$@"\n`, { mode: 0o755 })
    git("-c", `gpg.program=${program}`, "-c", `user.signingkey=${fingerprint}`, "commit", "-q", "--allow-empty", "-S", "-m", `by ${fingerprint}`)
    const id = git("rev-parse", "HEAD")
    return parseCommitObject(must("git", ["cat-file", "commit", id], { cwd: repository }), id)
  }
  const ask = (object: CommitObject | TagObject, allowedSigners: string): Promise<SignatureCheck> => checkSignature({ object, allowedSigners, openpgp: tools })
  let lasting = ""
  let short = ""
  beforeAll(() => {
    mkdirSync(repository)
    git("init", "-q", "-b", "main")
    lasting = make("Lasting <lasting@x>", "20200101T000000", "never")
    short = make("Short <short@x>", "20200101T000000", "20210101T000000")
  })

  test("good: valid, with the primary key's fingerprint and its user; git says the same", async () => {
    const object = sign(lasting, "20220101T000000")
    const keys = `dev@x ssh-ed25519 AAAA\n${publicKey(lasting)}# more\n`
    expect((await ask(object, keys)).fact).toEqual({ state: "valid", kind: "openpgp", key: lasting, signer: "Lasting <lasting@x>" })
    git("verify-commit", object.id)
    expect(splitKeys(keys).ssh).toBe("dev@x ssh-ed25519 AAAA\n\n# more\n")
  })

  test("unknown key: unchecked, and no key is named, since a claim is none", async () => {
    const { fact, detail } = await ask(sign(lasting, "20220101T000000"), publicKey(short))
    expect(fact).toEqual({ state: "unchecked", kind: "openpgp", key: null, signer: null })
    expect(detail).toContain("which was not given")
  })

  test("no keys given: unchecked, and gpg is not started", async () => {
    const before = tools.executor.ran.length
    expect((await ask(sign(lasting, "20220101T000000"), "")).fact.state).toBe("unchecked")
    expect(tools.executor.ran.length).toBe(before)
  })

  test("tampered: bad, and no key is named", async () => {
    const object = sign(lasting, "20220101T000000")
    const payload = Buffer.concat([object.payload, Buffer.from("x")])
    expect((await ask({ ...object, payload }, publicKey(lasting))).fact).toEqual({ state: "bad", kind: "openpgp", key: null, signer: null })
    const signature = (object.signature ?? "").replace(/\n(\w{4})/, "\nAAAA")
    expect((await ask({ ...object, signature }, publicKey(lasting))).fact.state).toBe("bad")
  })

  test("a key that has expired since: valid when it had not then, bad when it had", async () => {
    expect((await ask({ ...sign(short, "20200601T000000"), time: 1_590_969_600 }, publicKey(short))).fact).toMatchObject({ state: "valid", key: short })
    const late = await ask({ ...sign(short, "20200601T000000"), time: 1_640_995_200 }, publicKey(short))
    expect(late).toMatchObject({ fact: { state: "bad", key: short, signer: null }, detail: "the key had expired when the signature was made" })
  })

  test("a signed tag; two signatures in one armor; keys that are rubbish", async () => {
    git("-c", `user.signingkey=${lasting}`, "tag", "-s", "-m", "tag", "v1")
    const id = git("rev-parse", "v1")
    const tag = parseTagObject(must("git", ["cat-file", "tag", id], { cwd: repository }), id)
    expect((await ask(tag, publicKey(lasting))).fact).toMatchObject({ state: "valid", key: lasting })
    expect((await ask({ ...tag, signature: `${tag.signature}${tag.signature}` }, publicKey(lasting))).fact.state).not.toBe("valid")
    expect((await ask(tag, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n")).fact.state).toBe("unchecked")
  })

  test("a sandbox that is not there leaves it unchecked", async () => {
    const executor = { ...tools.executor, run: () => Promise.resolve({ status: "unavailable" as const, detail: "no namespaces" }) }
    const { fact, detail } = await checkSignature({ object: sign(lasting, "20220101T000000"), allowedSigners: publicKey(lasting), openpgp: { executor, folder } })
    expect([fact.state, detail]).toEqual(["unchecked", "gpg did not end by itself: unavailable, no namespaces"])
  })
})

test("of several signatures a bad one is never hidden, and a valid one speaks for the others", () => {
  const check = (state: SignatureFact["state"]): SignatureCheck => ({ fact: { state, kind: null, key: null, signer: null }, object: { type: "commit", id: "" }, time: null, detail: "" })
  expect(weightiestSignature([check("unsigned"), check("valid")]).fact.state).toBe("valid")
  expect(weightiestSignature([check("valid"), check("bad")]).fact.state).toBe("bad")
  expect(weightiestSignature([check("unchecked"), check("unsigned")]).fact.state).toBe("unchecked")
})
