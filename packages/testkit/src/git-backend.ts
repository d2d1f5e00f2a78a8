import { spawn } from "node:child_process"
import type { IncomingMessage, ServerResponse } from "node:http"

/** What git sees of one request. */
export interface GitRequest {
  /** Folder that holds the bare repositories. */
  readonly root: string
  /** Path and query. */
  readonly url: string
  /** Environment of git, PATH included. */
  readonly env: Readonly<Record<string, string>>
  /** Changes the body of the answer on its way. */
  readonly change?: (body: Buffer) => Buffer
}

/** Answers one request of git's smart HTTP protocol by git's own http-backend, as a web server does through CGI. */
export function answerByGit({ root, url, env, change = (body) => body }: GitRequest, request: IncomingMessage, response: ServerResponse): void {
  const [path = "", query = ""] = url.split("?")
  const child = spawn("git", ["http-backend"], {
    env: {
      ...env, GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: "1", PATH_INFO: path, QUERY_STRING: query, REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "", GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""), HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*",
    },
    stdio: ["pipe", "pipe", "ignore"],
  })
  const chunks: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  child.stdin.on("error", () => response.destroy())
  request.pipe(child.stdin)
  child.on("close", () => {
    const all = Buffer.concat(chunks)
    const end = all.indexOf("\r\n\r\n")
    const headers = all.subarray(0, end).toString("latin1").split("\r\n").map((line) => line.split(": ") as [string, string])
    const status = Number(headers.find(([name]) => name === "Status")?.[1]?.slice(0, 3) ?? 200)
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== "Status" && name !== "")))
    response.end(change(all.subarray(end + 4)))
  })
}
