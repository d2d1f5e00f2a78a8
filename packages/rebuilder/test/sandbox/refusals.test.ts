import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from "node:fs"
import { createServer } from "node:net"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { LIMITS, MIB, run, runArgv } from "./run.ts"

let folder: string
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), "vouchsafe-test-")) })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Processes of the host whose command line or environment holds a mark. */
function processesWith(mark: string): string[] {
  return readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark)
    } catch (error) {
      if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return false
      throw error
    }
  })
}

// with the kernel's wall where this machine has one, and by the watchdog alone
describe.each([{ by: "control groups where they can be had", cgroups: true }, { by: "the watchdog alone", cgroups: false }])("ended by $by", ({ cgroups }) => {
  const options = { cgroups }

  test("a build that hangs", async () => {
    const { outcome } = await run("sleep 987601", { timeoutMs: 300, options })
    expect(outcome).toMatchObject({ status: "timeout", detail: "not done after 300 ms" })
    expect(processesWith("987601")).toEqual([])
  })

  test("a build that hangs, ignores signals and left its group", async () => {
    const { outcome } = await run("trap '' TERM INT HUP; setsid sh -c 'sleep 987602' & setsid nohup sleep 987602 & sleep 987602", { timeoutMs: 500, options })
    expect(outcome.status).toBe("timeout")
    expect(processesWith("987602")).toEqual([])
  })

  test("a build that leaves a daemon behind ends with its command", async () => {
    const { outcome } = await run("setsid nohup sleep 987603 >/dev/null 2>&1 & sleep 987603 & exit 4", { options })
    expect(outcome).toEqual({ status: "exited", exitCode: 4 })
    expect(processesWith("987603")).toEqual([])
  })

  test("a build that starts more and more processes", async () => {
    const { outcome } = await run("i=0; while [ $i -lt 2000 ]; do sleep 987604 & i=$((i+1)); done; sleep 987604", { options })
    expect(outcome.status).toBe("processes")
    expect(processesWith("987604")).toEqual([])
  })

  test("a build that eats memory", async () => {
    const { outcome } = await run(`perl -e 'my @held; for (1..200) { push @held, "a" x (4 * 1024 * 1024); select undef, undef, undef, 0.01 } sleep 60'`, { options })
    expect(outcome.status).toBe("memory")
  })

  test("many small processes that eat memory together", async () => {
    const one = `perl -e 'my $held = "a" x (40 * 1024 * 1024); sleep 60'`
    const { outcome } = await run(`for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ${one} & done; wait`, { options })
    expect(outcome.status).toBe("memory")
  })

  test("a build that fills a writable mount", async () => {
    const host = mkdtempSync(join(folder, "fill-"))
    const { outcome } = await run("i=0; while [ $i -lt 200 ]; do head -c 4000000 /dev/zero > /build/$i; i=$((i+1)); done; sleep 60", { mounts: [{ host, inside: "/build", writable: true }], options })
    expect(outcome).toMatchObject({ status: "disk", detail: expect.stringContaining(`expected at most ${64 * MIB}`) })
  })

  test("a build that fills a writable mount with files that nobody can see", async () => {
    const host = mkdtempSync(join(folder, "fill-"))
    const script = `perl -e 'my @held; for my $n (1..60) { open(my $f, ">", "/build/$n"); unlink "/build/$n"; print $f "a" x (4 * 1024 * 1024); $f->flush; push @held, $f } sleep 60'`
    const { outcome } = await run(script, { mounts: [{ host, inside: "/build", writable: true }], options })
    expect(outcome.status).toBe("disk")
  })

  test("a build that fills a writable mount with empty files", async () => {
    const host = mkdtempSync(join(folder, "fill-"))
    const { outcome } = await run(`perl -e 'for my $n (1..40000) { open(my $f, ">", "/build/$n") } sleep 60'`, { mounts: [{ host, inside: "/build", writable: true }], options })
    expect(outcome.status).toBe("disk")
  })

  test("a build that floods its output", async () => {
    const { outcome, bytes } = await run("yes vouchsafe", { options })
    expect(outcome).toMatchObject({ status: "output" })
    expect(bytes).toBe(LIMITS.outputBytes)
  })
})

test("a file larger than the disk limit cannot be written", async () => {
  const host = mkdtempSync(join(folder, "fill-"))
  const { outcome } = await run(`trap '' XFSZ; head -c ${80 * MIB} /dev/zero > /build/one; stat -c %s /build/one`, { mounts: [{ host, inside: "/build", writable: true }], limits: { timeMs: 60_000 } })
  expect(["exited", "disk"]).toContain(outcome.status)
  expect(readFileSync(join(host, "one")).length).toBeLessThanOrEqual(64 * MIB)
})

test.each(["/home/builder", "/tmp", "/dev/shm"])("%s holds no more than its size", async (place) => {
  const { text, outcome } = await run(`cd ${place} && head -c ${200 * MIB} /dev/zero > f 2>/dev/null || echo full; stat -c %s f`)
  if (outcome.status === "exited") expect(text).toMatch(/^full\n/)
  else expect(["disk", "memory"]).toContain(outcome.status)
  expect(Number(text.split("\n")[1] ?? 0)).toBeLessThanOrEqual(64 * MIB)
})

test("a process that opens more files than it may gets an error", async () => {
  const { text } = await run(`perl -e 'my @held; while (open(my $f, "<", "/dev/null")) { push @held, $f } print scalar(@held) < 128 ? "bounded" : "unbounded"'`)
  expect(text).toBe("bounded")
})

describe("writes outside are refused", () => {
  test.each(["/canary", "/usr/canary", "/usr/bin/canary", "/bin/canary", "/lib/canary", "/etc/canary", "/etc/passwd", "/dev/canary", "/proc/canary", "/opt/vouchsafe/canary", "/usr/local/etc/canary", "/readonly/canary",
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/suid_dumpable", "/proc/sysrq-trigger", "/proc/1/oom_score_adj"])("%s", async (path) => {
    const host = mkdtempSync(join(folder, "readonly-"))
    const before = path.startsWith("/proc/sys/") ? readFileSync(path, "utf8") : undefined
    const { text, outcome } = await run(`{ echo "$VALUE" > ${path}; } 2>/dev/null && echo WRITTEN || echo refused`, { mounts: [{ host, inside: "/readonly", writable: false }], env: { VALUE: before?.trim() ?? "canary" } })
    expect(text).toBe("refused\n")
    expect(outcome).toEqual({ status: "exited", exitCode: 0 })
    expect(readdirSync(host)).toEqual([])
  })

  test("through a link that points out of a writable mount", async () => {
    const host = mkdtempSync(join(folder, "link-"))
    const target = join(folder, "target")
    const { text } = await run(`ln -s ${folder} /build/out; echo x > /build/out/target && echo WRITTEN || echo refused; echo x > /build/../../../..${target} && echo WRITTEN || echo refused`, { mounts: [{ host, inside: "/build", writable: true }] })
    expect(text).not.toContain("WRITTEN")
    expect(readdirSync(folder)).not.toContain("target")
  })

  test.each(["null", "zero", "full", "random", "urandom", "tty"])("the host's /dev/%s keeps its permissions, and works", async (name) => {
    const before = statSync(`/dev/${name}`)
    // the permissions that it has, so that a sandbox that lets this pass does no harm
    const { text } = await run(`chmod ${(before.mode & 0o777).toString(8)} /dev/${name} 2>/dev/null && echo CHANGED || echo refused; ${name === "full" || name === "tty" || name.endsWith("random") ? "true" : `echo x > /dev/${name} && echo written`}`)
    expect(text).toBe(name === "full" || name === "tty" || name.endsWith("random") ? "refused\n" : "refused\nwritten\n")
    expect(statSync(`/dev/${name}`).ctimeMs).toBe(before.ctimeMs)
    expect(readdirSync("/dev").filter((entry) => entry.startsWith(`vouchsafe-sandbox-${process.pid}-`))).toEqual([])
  })

  test("a forwarded socket keeps its permissions", async () => {
    const socket = join(folder, "forward.sock")
    const server = createServer()
    await new Promise<void>((resolve) => { server.listen(socket, resolve) })
    try {
      const before = statSync(socket).mode
      const { text } = await run("chmod 777 /opt/vouchsafe/sockets/4001 2>/dev/null && echo CHANGED || echo refused", { forwards: [{ socket, port: 4001 }], limits: { memoryBytes: 512 * MIB } })
      expect(text).toBe("refused\n")
      expect(statSync(socket).mode).toBe(before)
    } finally {
      await new Promise((resolve) => { server.close(resolve) })
    }
  })

  test("as a program that runs as its owner on the host", async () => {
    const host = mkdtempSync(join(folder, "suid-"))
    const { text } = await run("cp /bin/true /build/x; chmod 4755 /build/x; chmod g+s /build/x; stat -c %a /build/x", { mounts: [{ host, inside: "/build", writable: true }] })
    expect(text.trim().split("\n").at(-1)).toBe("755")
  })
})

describe("secrets of the host cannot be read", () => {
  const CANARY = "canary-7f3a2b91"

  test("not its environment", async () => {
    process.env["VOUCHSAFE_TEST_SECRET"] = CANARY
    try {
      const { text } = await run("env; cat /proc/*/environ 2>/dev/null; cat /proc/1/cmdline", { env: { GIVEN: "1" } })
      expect(text).toContain("GIVEN=1")
      expect(text).not.toContain(CANARY)
      expect((await run("env | cut -d= -f1 | sort | tr '\\n' ' '")).text).toBe("HOME PATH PWD TMPDIR ")
    } finally {
      delete process.env["VOUCHSAFE_TEST_SECRET"]
    }
  })

  test("not its files: homes, root's, the temporary folder, this repository, sockets of services", async () => {
    writeFileSync(join(folder, "secret"), CANARY)
    const places = [homedir(), "/root", "/var", "/run", "/work", "/srv", "/mnt", "/media", "/boot", "/sys", "/etc/shadow", "/etc/ssh", "/etc/ssl/private", "/etc/machine-id", "/etc/hostname", "/etc/resolv.conf", join(folder, "secret"), process.cwd(), import.meta.dirname]
    const { text } = await run(`for place in ${places.map((place) => `'${place}'`).join(" ")}; do test -e "$place" && echo "SEEN $place"; done; ls -A /home; grep -r ${CANARY} /tmp /etc /home /opt 2>/dev/null; echo done`)
    expect(text).toBe("builder\ndone\n")
  })

  test("not what this process has open, also what was left open to children", async () => {
    const { text } = await run("ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0 /proc/$$/fd/1; for f in /proc/$$/fd/*; do readlink $f; done | grep -v -e pipe -e /dev/null -e '^$' -e /out; true")
    expect(text).not.toMatch(/socket:|\/root|\/home/)
  })

  test("not other processes of the host, and not its name", async () => {
    const { text } = await run("ls /proc | grep -c '^[0-9]'; hostname 2>/dev/null || cat /proc/sys/kernel/hostname")
    const [count, name] = text.trim().split("\n")
    expect(Number(count)).toBeLessThan(10)
    expect(name).toBe("sandbox")
  })

  test("not configuration of package managers for all users", async () => {
    expect((await run("ls -A /usr/etc /usr/local/etc /etc/npmrc /etc/gitconfig /etc/npm 2>/dev/null | grep -v ':$' | grep -v '^$'; echo done")).text).toBe("done\n")
  })

  test("packages installed on the machine: one may be the very package that is rebuilt, or bundle it", async () => {
    const places = ["/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/lib/nodejs", "/usr/local/lib/nodejs", "/usr/share/nodejs", "/usr/share/npm", "/usr/local/share", "/usr/src", "/usr/local/src"]
    const { text } = await run(`find ${places.join(" ")} -mindepth 1 2>/dev/null; find / -path /proc -prune -o -path '*/node_modules/*' -name package.json -print 2>/dev/null; echo done`)
    expect(text).toBe("done\n")
  })
})

describe("there is no network", () => {
  test("not to a service on the host's loopback, not to anywhere", async () => {
    const server = createServer((socket) => { reached += 1; socket.end("reached") })
    let reached = 0
    await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
    try {
      const { port } = server.address() as { port: number }
      const connect = (host: string, to: number): string => `perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(PeerAddr => "${host}", PeerPort => ${to}, Timeout => 3) ? "REACHED\\n" : "refused\\n"'`
      const { text } = await run([connect("127.0.0.1", port), connect("192.0.2.1", 80), connect("169.254.169.254", 80), "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '"].join("; "))
      expect(text).toBe("refused\nrefused\nrefused\nlo\n")
      expect(reached).toBe(0)
    } finally {
      await new Promise((resolve) => { server.close(resolve) })
    }
  })

  test("not to a socket without a name on the host", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => { server.listen("\0vouchsafe-test-abstract", resolve) })
    try {
      const { text } = await run(`perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); print connect($s, sockaddr_un("\\0vouchsafe-test-abstract")) ? "REACHED" : "refused"'`)
      expect(text).toBe("refused")
    } finally {
      await new Promise((resolve) => { server.close(resolve) })
    }
  })
})

describe("there is no sandbox inside the sandbox, and no power", () => {
  test.each(["unshare -U true", "unshare -m true", "bwrap --ro-bind / / true", "mount -t tmpfs none /tmp", "chroot / true", "mknod /tmp/x b 8 0", "su -c true", "setpriv --reuid 0 true"])("%s", async (command) => {
    expect((await run(`${command} >/dev/null 2>&1 </dev/null && echo DONE || echo refused`)).text).toBe("refused\n")
  })

  test("no capability, no new privileges, filtered", async () => {
    const { text } = await run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -d '\\t ' | tr '\\n' ' '")
    expect(text).toBe("CapInh:0000000000000000 CapPrm:0000000000000000 CapEff:0000000000000000 CapBnd:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2 ")
  })
})

test("what the command is given is what it gets: arguments, folder, environment, exit status", async () => {
  const host = mkdtempSync(join(folder, "given-"))
  mkdirSync(join(host, "deep"))
  chmodSync(host, 0o755)
  const { text, outcome } = await runArgv(["/bin/sh", "-c", 'printf "%s|" "$@"; pwd; echo "$X"; echo y > made; exit 7', "sh", "a b", "$HOME", "", "--", "'"], { cwd: "/build/deep", env: { X: "1 2" }, mounts: [{ host, inside: "/build", writable: true }] })
  expect(text).toBe("a b|$HOME||--|'|/build/deep\n1 2\n")
  expect(outcome).toEqual({ status: "exited", exitCode: 7 })
  expect(readFileSync(join(host, "deep/made"), "utf8")).toBe("y\n")
})

test.each([["a program that is not there", ["vouchsafe-missing"], 127], ["a program ended by a signal", ["/bin/sh", "-c", "kill -9 $$"], 137], ["streams opened by name", ["/bin/sh", "-c", "echo x > /dev/stdout; echo x > /dev/stderr"], 0]])("%s", async (_, argv, exitCode) => {
  expect((await runArgv(argv)).outcome).toEqual({ status: "exited", exitCode })
})
