/**
 * A real PostgreSQL server for tests: a data folder of its own, loopback only, gone when the process that started it ends.
 *
 * @packageDocumentation
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

/** A server that runs. Its superuser is `vouchsafe`. */
export interface PostgresServer {
  readonly port: number
  readonly password: string
  /** Directory of its unix socket, and of all that it keeps. */
  readonly directory: string
  /** An address that names this server, or a proxy in front of it at another port. */
  address(schema: string, port?: number): string
  /** Ends it as a power cut would, and starts it again on what is on disk. */
  crash(): Promise<void>
  stop(): Promise<void>
}

const DEBIAN_HOME = "/usr/lib/postgresql"
/** The account that the server runs as when the tests run as root: it refuses root. */
const ACCOUNTS = ["postgres", "nobody"]
const READY = "database system is ready to accept connections"
const STARTS_MAX = 5

function programs(): string {
  const folders = [
    process.env["VOUCHSAFE_POSTGRES_BIN"] ?? "",
    ...(existsSync(DEBIAN_HOME) ? readdirSync(DEBIAN_HOME).sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_HOME, version, "bin")) : []),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ]
  const found = folders.find((folder) => folder !== "" && existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")))
  if (found === undefined) throw new Error("no PostgreSQL server is installed (initdb, postgres): `apt-get install postgresql`, or set VOUCHSAFE_POSTGRES_BIN")
  return found
}

function account(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"))
  for (const name of ACCOUNTS) {
    const line = lines.find(([own]) => own === name)
    if (line !== undefined) return { uid: Number(line[2]), gid: Number(line[3]) }
  }
  throw new Error(`PostgreSQL does not run as root, and none of the accounts ${ACCOUNTS.join(", ")} exists`)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))))
    })
  })
}

// The shell's standard input is a life line: it ends with whoever holds the other end, and takes the server along.
const KEEPER = "\"$@\" & pid=$!; cat > /dev/null; kill -INT \"$pid\" 2> /dev/null; wait \"$pid\""

function start(bin: string, directory: string, port: number, user: { uid: number; gid: number } | undefined): Promise<ChildProcess> {
  const child = spawn("/bin/sh", [
    "-c", KEEPER, "sh", join(bin, "postgres"), "-D", join(directory, "data"), "-p", String(port), "-c", "listen_addresses=127.0.0.1",
    "-c", `unix_socket_directories=${directory}`, "-c", "max_connections=60", "-c", "log_min_messages=warning",
  ], { stdio: ["pipe", "ignore", "pipe"], cwd: directory, ...user, env: { PATH: process.env["PATH"], LC_ALL: "C" } })
  return new Promise((resolve, reject) => {
    let said = ""
    child.stderr?.on("data", (chunk: Buffer) => {
      if (said.includes(READY)) return
      said += chunk.toString("utf8")
      if (said.includes(READY)) resolve(child)
    })
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`PostgreSQL did not start: ${said}`)))
  })
}

function ended(child: ChildProcess): Promise<void> {
  return child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((resolve) => {
    child.once("exit", () => resolve())
  })
}

/** Starts a server. @throws Error when none is installed. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = programs()
  const user = account()
  const directory = mkdtempSync(join(tmpdir(), "vouchsafe-postgres-"))
  if (user !== undefined) chownSync(directory, user.uid, user.gid)
  const password = randomBytes(12).toString("hex")
  const passwordFile = join(directory, "password")
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid)
  execFileSync(join(bin, "initdb"), [
    "-D", join(directory, "data"), "-U", "vouchsafe", "--pwfile", passwordFile, "--auth", "scram-sha-256", "--no-sync", "--encoding", "UTF8", "--locale", "C",
  ], { cwd: directory, stdio: ["ignore", "ignore", "pipe"], ...user, env: { PATH: process.env["PATH"], LC_ALL: "C" } })

  let port = 0
  const launch = async (): Promise<ChildProcess> => {
    // Somebody else may take a port between its choice and its use.
    for (let tries = 1; ; tries++) {
      port = port === 0 || tries > 1 ? await freePort() : port
      try {
        return await start(bin, directory, port, user)
      } catch (error) {
        if (tries === STARTS_MAX) throw error
      }
    }
  }
  let child = await launch()
  return {
    get port() {
      return port
    },
    password,
    directory,
    address: (schema, at = port) => `postgres://vouchsafe:${password}@127.0.0.1:${at}/postgres?schema=${schema}`,
    async crash() {
      const pid = Number(readFileSync(join(directory, "data", "postmaster.pid"), "utf8").split("\n")[0])
      process.kill(pid, "SIGQUIT")
      // The shell waits for its standard input; the server is gone when its file is.
      while (existsSync(join(directory, "data", "postmaster.pid"))) await new Promise((resolve) => setImmediate(resolve))
      child.stdin?.end()
      await ended(child)
      child = await launch()
    },
    async stop() {
      child.stdin?.end()
      await ended(child)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
