import { execFile } from "node:child_process"
import { REFS_BYTES_MAX, REFS_TIMEOUT_MS } from "./limits.ts"

/** git with nothing that a person's configuration or a repository could add to it. */
const SETTINGS = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"]
const ENV = { LC_ALL: "C", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "/bin/false", GIT_ALLOW_PROTOCOL: "file" }

/**
 * Lists branches and tags of a repository in a file, which only a node with private addresses allowed is asked for. Undefined where git is not
 * there or says no.
 * @param url - checked: `file:///` and plain characters
 */
export function listFileRefs(url: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { env: { ...ENV, PATH: path }, cwd: "/", timeout: REFS_TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: REFS_BYTES_MAX, encoding: "utf8" } as const
    execFile("git", [...SETTINGS, "ls-remote", "--quiet", "--", url, "refs/heads/*", "refs/tags/*"], options, (error, stdout) => resolve(error === null ? stdout : undefined))
  })
}
