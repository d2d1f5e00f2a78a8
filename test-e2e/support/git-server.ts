import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { answerByGit } from "@vouchsafe/testkit"

/** Bare repositories over HTTP on loopback: git's own http-backend behind node:http. */
export interface GitServer {
  /** `127.0.0.1:PORT`, as `--git-host` takes it. */
  readonly host: string
  repository(name: string): Repository
  close(): Promise<void>
}

/** One of them, and a work tree to fill it from. */
export interface Repository {
  readonly url: string
  readonly work: string
  /** Writes files, commits, tags where a tag is given, pushes. Gives the commit. Signed where the file of a private SSH key is given. */
  commit(files: Readonly<Record<string, string>>, tag?: string, signWith?: string): string
}

const WHO = { GIT_AUTHOR_NAME: "Ann", GIT_AUTHOR_EMAIL: "ann@git.example", GIT_COMMITTER_NAME: "Ann", GIT_COMMITTER_EMAIL: "ann@git.example" }
const QUIET = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", LANG: "C.UTF-8" }
/** An SSH key pair on disk, without a passphrase. */
export interface SigningKey {
  /** Private key's path. */
  readonly path: string
  /** Public key as a line of allowed signers ends: type and base64. */
  readonly line: string
  /** `SHA256:…`, as policies name it. */
  readonly fingerprint: string
}

/** Makes a key that commits are signed with. */
export function makeSigningKey(path: string): SigningKey {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], { env: QUIET })
  const line = readFileSync(`${path}.pub`, "utf8").trim()
  const digest = createHash("sha256").update(Buffer.from(line.split(" ")[1] ?? "", "base64")).digest("base64")
  return { path, line, fingerprint: `SHA256:${digest.replace(/=+$/, "")}` }
}

/** A plain 2023-11-14, so that commits have the same ids in every run. */
const FIRST_COMMIT_SECONDS = 1_700_000_000

export async function startGitServer(folder: string): Promise<GitServer> {
  const root = mkdtempSync(join(folder, "git-"))
  const server = createServer((request, response) => answerByGit({ root, url: request.url ?? "", env: QUIET }, request, response))
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    repository(name) {
      const [bare, work] = [join(root, `${name}.git`), join(root, `${name}-work`)]
      let seconds = FIRST_COMMIT_SECONDS
      const git = (...args: string[]): string => execFileSync("git", args, { cwd: work, env: { ...QUIET, ...WHO, GIT_AUTHOR_DATE: `${seconds} +0000`, GIT_COMMITTER_DATE: `${seconds} +0000` }, stdio: ["ignore", "pipe", "pipe"] }).toString().trim()
      mkdirSync(work, { recursive: true })
      git("init", "-q", "--bare", "-b", "main", bare)
      git("--git-dir", bare, "config", "uploadpack.allowFilter", "true")
      git("init", "-q", "-b", "main", ".")
      return {
        url: `http://${host}/${name}.git`, work,
        commit(files, tag, signWith) {
          seconds += 1
          for (const [path, text] of Object.entries(files)) {
            mkdirSync(dirname(join(work, path)), { recursive: true })
            writeFileSync(join(work, path), text)
          }
          git("add", "-A")
          const signing = signWith === undefined ? [] : ["-c", "gpg.format=ssh", "-c", `user.signingkey=${signWith}`]
          git(...signing, "commit", "-q", ...(signWith === undefined ? [] : ["-S"]), "-m", tag ?? "change")
          if (tag !== undefined) git("tag", "--no-sign", tag)
          git("push", "-q", bare, "main", "--tags")
          return git("rev-parse", "HEAD")
        },
      }
    },
    close: () => new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    }),
  }
}
