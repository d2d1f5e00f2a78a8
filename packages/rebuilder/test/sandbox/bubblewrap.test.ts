import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createBubblewrap, findBubblewrap } from "../../src/sandbox/bubblewrap.ts"
import type { SandboxCommand, SandboxSpec } from "../../src/sandbox/executor.ts"
import { LIMITS, run, runArgv } from "./run.ts"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-test-"))
  chmodSync(folder, 0o755)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SPEC: SandboxSpec = { mounts: [], forwards: [], limits: LIMITS }
const COMMAND: SandboxCommand = { argv: ["true"], cwd: "/tmp", env: {}, timeoutMs: 30_000 }

function program(name: string, script: string): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

async function serve(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection)
  await new Promise<void>((resolve) => { server.listen(path, resolve) })
  chmodSync(path, 0o777)
  return server
}

describe("no sandbox, no rebuild: unavailable, and nothing ran", () => {
  const answers = (rest: string): string => `if [ "$1" = --version ]; then echo "bubblewrap 0.9.0"; exit 0; fi\n${rest}`
  test.each([
    { name: "bubblewrap is missing", path: () => join(folder, "missing"), says: "bubblewrap does not start" },
    { name: "bubblewrap is too old to close user namespaces", path: () => program("old", 'echo "bubblewrap 0.7.0"'), says: "bubblewrap 0.7.0 is too old, expected 0.8.0 or later" },
    { name: "it is something else", path: () => program("other", 'echo "sandboxie"'), says: 'says "sandboxie", expected "bubblewrap" and a version' },
    { name: "it fails", path: () => program("fails", "exit 3"), says: "bubblewrap does not start" },
    { name: "user namespaces are refused", path: () => program("refused", answers('echo "bwrap: No permissions to create new namespace" >&2; exit 1')), says: "bwrap: No permissions to create new namespace" },
    { name: "it ends without a word", path: () => program("silent", answers("exit 1")), says: "bubblewrap ended without a word" },
    { name: "it runs the command with no word that the sandbox stands", path: () => program("liar", answers("exit 0")), says: "bubblewrap ended without a word" },
  ])("$name", async ({ path, says }) => {
    const outcome = await createBubblewrap({ program: path() }).run(SPEC, COMMAND, () => undefined)
    expect(outcome).toEqual({ status: "unavailable", detail: expect.stringContaining(says) })
  })

  test("a mount or a socket that is not there; a link in place of a folder that may be written to", async () => {
    const executor = createBubblewrap()
    symlinkSync(folder, join(folder, "link"))
    expect(await executor.run({ ...SPEC, mounts: [{ host: join(folder, "link"), inside: "/x", writable: true }] }, COMMAND, () => undefined)).toMatchObject({ status: "unavailable", detail: expect.stringContaining("is a link") })
    expect(await executor.run({ ...SPEC, mounts: [{ host: join(folder, "gone"), inside: "/x", writable: false }] }, COMMAND, () => undefined)).toMatchObject({ status: "unavailable", detail: expect.stringContaining("nothing to mount") })
    expect(await executor.run({ ...SPEC, forwards: [{ socket: join(folder, "gone"), port: 4000 }] }, COMMAND, () => undefined)).toMatchObject({ status: "unavailable", detail: expect.stringContaining("no socket") })
  })

  test("a working folder that is not there", async () => {
    expect((await runArgv(["true"], { cwd: "/nowhere" })).outcome).toMatchObject({ status: "unavailable", detail: expect.stringContaining("/nowhere") })
  })

  test("an empty PATH has no bubblewrap; relative folders of it do not count", () => {
    expect(findBubblewrap("")).toBeUndefined()
    expect(findBubblewrap(".:bin:" + join(folder, "none"))).toBeUndefined()
  })
})

describe("refuses what no run could have", () => {
  const mount = (host: string, inside: string): Partial<SandboxSpec> => ({ mounts: [{ host, inside, writable: true }] })
  test.each<{ name: string, spec?: Partial<SandboxSpec>, command?: Partial<SandboxCommand>, says: string }>([
    { name: "a relative mount", spec: mount("x", "/build"), says: "absolute path" },
    { name: "a relative place", spec: mount("/tmp", "build"), says: "absolute path" },
    { name: "a place with dots", spec: mount("/tmp", "/build/../usr"), says: "absolute path" },
    { name: "the whole root", spec: mount("/tmp", "/"), says: "outside of the system's folders" },
    ...["/usr", "/usr/bin", "/etc/ssl", "/proc", "/proc/sys", "/dev", "/sys", "/opt/vouchsafe/node", "/lib64"].map((inside) => ({ name: `a mount over ${inside}`, spec: mount("/tmp", inside), says: "outside of the system's folders" })),
    { name: "a port of root", spec: { forwards: [{ socket: "/x", port: 80 }] }, says: "expected 1024 to 65535" },
    { name: "one port twice", spec: { forwards: [{ socket: "/x", port: 4000 }, { socket: "/y", port: 4000 }] }, says: "each port once" },
    { name: "a limit of nothing", spec: { limits: { ...LIMITS, memoryBytes: 0 } }, says: "limit memoryBytes is 0" },
    { name: "a limit that is no number", spec: { limits: { ...LIMITS, diskBytes: Number.NaN } }, says: "limit diskBytes is NaN" },
    { name: "no end", command: { timeoutMs: Number.POSITIVE_INFINITY }, says: "limit timeoutMs is Infinity" },
    { name: "no program", command: { argv: [] }, says: "expected a program" },
    { name: "a NUL in an argument", command: { argv: ["a\0b"] }, says: "holds a NUL" },
    { name: "a NUL in the environment", command: { env: { X: "a\0b" } }, says: "holds a NUL" },
    { name: "an environment name with an equals sign", command: { env: { "A=B": "x" } }, says: "letters, digits" },
    { name: "a huge environment", command: { env: { X: "x".repeat(300_000) } }, says: "expected at most" },
  ])("$name", async ({ spec, command, says }) => {
    await expect(createBubblewrap().run({ ...SPEC, ...spec }, { ...COMMAND, ...command }, () => undefined)).rejects.toThrow(expect.objectContaining({ name: "TypeError", message: expect.stringContaining(says) }))
  })
})

test("says its name and version", async () => {
  expect(await createBubblewrap().describe()).toMatch(/^bubblewrap [0-9]+\.[0-9]+\.[0-9]+$/)
  await expect(createBubblewrap({ program: join(folder, "missing") }).describe()).rejects.toMatchObject({ code: "NOT_FOUND" })
})

describe("forwards", () => {
  const ask = (port: number, text: string): string => `perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => ${port}) or die "refused"; print $s "${text}\\n"; shutdown($s, 1); print <$s>'`

  test("each port reaches its socket, both ways, also half closed; no other port does", async () => {
    const servers = await Promise.all([1, 2].map((number) => serve(join(folder, `${number}.sock`), (socket) => {
      let text = ""
      socket.on("data", (chunk: Buffer) => { text += chunk.toString() }).on("end", () => socket.end(`${number} heard ${text}`))
    })))
    try {
      const forwards = [{ socket: join(folder, "1.sock"), port: 4001 }, { socket: join(folder, "2.sock"), port: 4002 }]
      const { text, outcome } = await run(`${ask(4001, "one")}; ${ask(4002, "two")}; ${ask(4003, "three")} 2>/dev/null; exit 9`, { forwards })
      expect(text).toBe("1 heard one\n2 heard two\n")
      expect(outcome).toEqual({ status: "exited", exitCode: 9 })
    } finally {
      await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve) })))
    }
  })

  test("how the command ends is told as without forwards, and a server that hangs up ends a connection", async () => {
    const server = await serve(join(folder, "3.sock"), (socket) => socket.destroy())
    const forwards = [{ socket: join(folder, "3.sock"), port: 4001 }]
    try {
      expect((await runArgv(["vouchsafe-missing"], { forwards })).outcome).toEqual({ status: "exited", exitCode: 127 })
      expect((await run("kill -9 $$", { forwards })).outcome).toEqual({ status: "exited", exitCode: 137 })
      expect(await run(`${ask(4001, "x")}; exit 0`, { forwards })).toMatchObject({ text: "", outcome: { status: "exited", exitCode: 0 } })
    } finally {
      await new Promise((resolve) => { server.close(resolve) })
    }
  })
})

test("ends with the process that started it, however that ends", async () => {
  const script = `
    import { createBubblewrap } from ${JSON.stringify(new URL("../../src/sandbox/bubblewrap.ts", import.meta.url).href)}
    const limits = ${JSON.stringify({ ...LIMITS, timeMs: 60_000 })}
    await createBubblewrap().run({ mounts: [], forwards: [], limits }, { argv: ["sh", "-c", "echo started; exec sleep 987610"], cwd: "/tmp", env: {}, timeoutMs: 60000 }, () => process.stdout.write("up"))`
  const child: ChildProcess = spawn(process.execPath, ["--conditions=source", "--input-type=module-typescript", "-e", script], { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] })
  await new Promise((resolve) => { child.stdout?.once("data", resolve) })
  const isThere = (pid: string): boolean => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("sleep\u0000987610")
  const found = (): string[] => readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).filter((pid) => {
    try {
      return isThere(pid)
    } catch (error) {
      if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false
      throw error
    }
  })
  await expect.poll(found, { timeout: 30_000 }).toHaveLength(1)
  child.kill("SIGKILL")
  await expect.poll(found, { timeout: 30_000 }).toEqual([])
})

describe("started as an ordinary user", () => {
  // a test run by root starts it as nobody; one run by an ordinary user is one already, in every test here
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
  const nodePath = (): string => {
    const path = join(folder, "node")
    if (!existsSync(path)) copyFileSync(process.execPath, path)
    chmodSync(path, 0o755)
    return path
  }
  const options = (): object => ({ nodePath: nodePath(), cgroups: false, ...(user === undefined ? {} : { user }) })

  test("it runs, mounts, forwards, and owns on the host what it writes", async () => {
    const host = mkdtempSync(join(folder, "user-"))
    if (user !== undefined) chownSync(host, user.uid, user.gid)
    const server = await serve(join(folder, "user.sock"), (socket) => socket.end("hello"))
    try {
      const { text, outcome } = await run("id -u; echo x > /build/made; perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(PeerAddr => \"127.0.0.1\", PeerPort => 4001)->getline'",
        { mounts: [{ host, inside: "/build", writable: true }], forwards: [{ socket: join(folder, "user.sock"), port: 4001 }], options: options() })
      expect(text).toBe("1000\nhello")
      expect(outcome).toEqual({ status: "exited", exitCode: 0 })
      expect(readFileSync(join(host, "made"), "utf8")).toBe("x\n")
    } finally {
      await new Promise((resolve) => { server.close(resolve) })
    }
  })

  test.each<{ name: string, script: string, status: string, timeoutMs?: number }>([
    { name: "hangs", script: "sleep 987620", status: "timeout", timeoutMs: 300 },
    // each of its processes stays when the kernel lets it start no other one; the shell's well-known bomb dies out at that wall
    { name: "forks like a bomb", script: "exec perl -e 'fork while 1'", status: "processes" },
    { name: "eats memory", script: `perl -e 'my @held; for (1..200) { push @held, "a" x (4 * 1024 * 1024); select undef, undef, undef, 0.01 } sleep 60'`, status: "memory" },
    { name: "floods its output", script: "yes", status: "output" },
  ])("a build that $name is ended as $status", async ({ script, status, timeoutMs }) => {
    const { outcome } = await run(script, { options: options(), ...(timeoutMs === undefined ? {} : { timeoutMs }) })
    expect(outcome.status).toBe(status)
  })
})
