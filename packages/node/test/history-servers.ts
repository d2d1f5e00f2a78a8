/** Where a node looks into the past, on loopback: a repository behind git's own HTTP, and a name server. */
import { execFileSync } from "node:child_process"
import { createSocket } from "node:dgram"
import { mkdirSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { answerByGit } from "@vouchsafe/testkit"
import { cleanup, tempFolder } from "./support.ts"

const WHO = { GIT_AUTHOR_NAME: "Ann", GIT_AUTHOR_EMAIL: "ann@git.example", GIT_COMMITTER_NAME: "Ann", GIT_COMMITTER_EMAIL: "ann@git.example" }
const ENV = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", ...WHO }

export interface Served { readonly host: string; readonly seen: string[]; readonly head: string; tag(name: string): void }

/** One repository, `ann/x`, with a tag of each kind, over git's own HTTP. */
export async function git(given: { readonly speaks?: "0" | "2"; readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean } = {}): Promise<Served> {
  const root = tempFolder()
  const [bare, work] = [join(root, "ann", "x.git"), join(root, "work")]
  mkdirSync(work)
  const run = (...args: string[]): string => execFileSync("git", args, { cwd: work, env: ENV, stdio: ["ignore", "pipe", "pipe"] }).toString().trim()
  run("init", "-q", "--bare", "-b", "main", bare)
  run("init", "-q", "-b", "main", ".")
  run("commit", "-q", "--allow-empty", "-m", "one")
  run("tag", "v1.0.0")
  run("commit", "-q", "--allow-empty", "-m", "two")
  run("tag", "-a", "-m", "annotated", "v1.1.0")
  run("push", "-q", bare, "main", "v1.0.0", "v1.1.0", "main:refs/pull/7/head")
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    if (given.answer?.(request, response) === true) return
    if (given.speaks === "0") delete request.headers["git-protocol"]
    answerByGit({ root, url: request.url ?? "", env: ENV }, request, response)
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  cleanup(() => { server.closeAllConnections(); server.close() })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, head: run("rev-parse", "HEAD"),
    tag(name) { run("tag", name); run("push", "-q", bare, name) },
  }
}

/** What a name server says: a DNS response code, and whether an address comes with it. */
export interface DnsAnswer { readonly code: number; readonly hasRecord?: boolean }

/** Answers every question as told. @returns `127.0.0.1:PORT` */
export async function dnsServer(answer: (name: string) => DnsAnswer): Promise<string> {
  const socket = createSocket("udp4")
  socket.on("message", (message, from) => {
    const question = message.subarray(12)
    const end = question.indexOf(0)
    const labels: string[] = []
    for (let at = 0; at < end; at += 1 + (question[at] as number)) labels.push(question.toString("latin1", at + 1, at + 1 + (question[at] as number)))
    const { code, hasRecord = false } = answer(labels.join("."))
    const header = Buffer.from([message[0] ?? 0, message[1] ?? 0, 0x81, 0x80 | code, 0, 1, 0, hasRecord ? 1 : 0, 0, 0, 0, 0])
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])
    socket.send(Buffer.concat([header, question.subarray(0, end + 5), ...(hasRecord ? [record] : [])]), from.port, from.address)
  })
  await new Promise<void>((resolve) => { socket.bind(0, "127.0.0.1", resolve) })
  cleanup(() => new Promise<void>((resolve) => { socket.close(resolve) }))
  return `127.0.0.1:${(socket.address() as AddressInfo).port}`
}
