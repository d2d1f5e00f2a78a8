import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { answerByGit } from "@vouchsafe/testkit"
import type { GitPlace, GitUrl } from "../../src/git/git-command.ts"
import { checkGitUrl } from "../../src/git/url.ts"
import type { Executor, SandboxLimits } from "../../src/sandbox/executor.ts"
import { must, TOOL_ENV } from "./ssh-tools.ts"

const MEBIBYTE = 1024 * 1024
export const LIMITS: SandboxLimits = { timeMs: 120_000, memoryBytes: 1024 * MEBIBYTE, processes: 128, diskBytes: 256 * MEBIBYTE, outputBytes: MEBIBYTE, openFiles: 1024 }

/** A place for git under `folder`, with a clock that stands still unless it is given. */
export function placeIn(folder: string, executor: Executor, more: Partial<GitPlace> = {}): GitPlace {
  return { executor, folder: mkdtempSync(join(folder, "place-")), limits: LIMITS, now: () => 0, deadlineMs: LIMITS.timeMs, ...more }
}

/** An URL of a test's own, checked as any other. */
export function testUrl(url: string): GitUrl {
  const checked = checkGitUrl(url, { protocols: ["file", "http"], hosts: [url.split("/")[2] ?? ""] })
  if (!checked.ok) throw new Error(checked.reason)
  return checked
}

/** A bare repository and a work tree to fill it from. */
export interface TestRepository {
  readonly bare: string
  readonly work: string
  git(...args: string[]): string
  /** Writes files, commits them at the next second, and gives the commit's id. */
  commit(files: Readonly<Record<string, string>>, message?: string): string
  /** Pushes work-tree refs into the bare repository. */
  push(...refspecs: string[]): void
}

export function makeRepository(folder: string, name: string, format = "sha1"): TestRepository {
  const bare = join(folder, `${name}.git`)
  const work = join(folder, `${name}-work`)
  let seconds = 1_700_000_000
  const git = (...args: string[]): string => {
    const date = `${seconds} +0000`
    const env = { GIT_AUTHOR_NAME: "Dev", GIT_AUTHOR_EMAIL: "dev@x", GIT_COMMITTER_NAME: "Dev", GIT_COMMITTER_EMAIL: "dev@x", GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }
    return must("git", args, { cwd: work, env }).toString("utf8").trim()
  }
  must("git", ["init", "-q", "--bare", "-b", "main", `--object-format=${format}`, bare])
  must("git", ["config", "uploadpack.allowFilter", "true"], { cwd: bare })
  must("git", ["init", "-q", "-b", "main", `--object-format=${format}`, work])
  return {
    bare, work, git,
    commit(files, message = "change") {
      seconds++
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(work, path)), { recursive: true })
        writeFileSync(join(work, path), text)
      }
      git("add", "-A")
      git("commit", "-q", "--allow-empty", "-m", message)
      return git("rev-parse", "HEAD")
    },
    push(...refspecs) {
      git("push", "-q", "--force", bare, ...refspecs)
    },
  }
}

/** A git server on loopback: git's own http-backend behind node:http. */
export interface GitServer {
  readonly server: Server
  readonly url: string
  readonly asked: string[]
  close(): Promise<void>
}

/** What a server does to a request before git sees it: `undefined` lets it pass, a number is the status it gets, a function changes the answer's body. */
export type Meddling = (request: IncomingMessage) => number | ((body: Buffer) => Buffer) | undefined

export async function startGitServer(root: string, meddle: Meddling = () => undefined, listen: { path: string } | undefined = undefined): Promise<GitServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    // As a proxy it is asked with whole URLs.
    const meddling = meddle(request)
    const url = (request.url ?? "").replace(/^http:\/\/[^/]+/, "")
    asked.push(`${request.method} ${url}`)
    if (typeof meddling === "number") {
      response.writeHead(meddling).end()
      return
    }
    answerByGit({ root, url, env: TOOL_ENV, ...(meddling === undefined ? {} : { change: meddling }) }, request, response)
  })
  await new Promise<void>((resolve) => {
    if (listen === undefined) server.listen(0, "127.0.0.1", resolve)
    else server.listen(listen.path, resolve)
  })
  const address = server.address() as AddressInfo | string
  return { server, asked, url: typeof address === "string" ? "" : `http://127.0.0.1:${address.port}`, close: () => new Promise((resolve) => server.close(() => resolve())) }
}
