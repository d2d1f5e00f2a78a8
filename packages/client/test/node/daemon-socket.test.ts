import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { findDaemonSocket } from "../../src/node/daemon-socket.ts"
import { temporaryDirectory } from "../support/temp.ts"

async function listening(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => void server.close())
}

async function setUp(): Promise<{ env: { XDG_RUNTIME_DIR: string }; folder: string; socket: string; data: string }> {
  const runtime = temporaryDirectory()
  const data = temporaryDirectory()
  const folder = join(runtime, "vouchsafe")
  mkdirSync(folder, { mode: 0o700 })
  await listening(join(data, "admin.sock"))
  const socket = join(folder, "node.sock")
  symlinkSync(join(data, "admin.sock"), socket)
  return { env: { XDG_RUNTIME_DIR: runtime }, folder, socket, data }
}

test("finds the node's socket through its link", async () => {
  const { env, socket } = await setUp()
  expect(findDaemonSocket(env)).toEqual({ path: socket })
})

test.each([{}, { XDG_RUNTIME_DIR: "" }, { XDG_RUNTIME_DIR: "run" }, { XDG_RUNTIME_DIR: "/does/not/exist" }])("no runtime folder (%o): no daemon, no complaint", (env) => {
  expect(findDaemonSocket(env)).toEqual({})
})

test("no socket in the folder: no daemon, no complaint", () => {
  const runtime = temporaryDirectory()
  mkdirSync(join(runtime, "vouchsafe"), { mode: 0o700 })
  expect(findDaemonSocket({ XDG_RUNTIME_DIR: runtime })).toEqual({})
})

describe("skips, and says why", () => {
  test.each([0o755, 0o777, 0o710])("a folder with mode %o", async (mode) => {
    const { env, folder } = await setUp()
    chmodSync(folder, mode)
    expect(findDaemonSocket(env)).toEqual({ skipped: expect.stringContaining(`has mode ${mode.toString(8)}, expected 700`) })
  })

  test("a folder where nothing can be looked at", () => {
    const runtime = temporaryDirectory()
    symlinkSync("loop", join(runtime, "loop"))
    expect(findDaemonSocket({ XDG_RUNTIME_DIR: join(runtime, "loop") })).toEqual({ skipped: expect.stringContaining("cannot be examined (ELOOP)") })
  })

  test("a folder of another user", async () => {
    const { env } = await setUp()
    const real = process.getuid
    process.getuid = () => 12_345
    try {
      expect(findDaemonSocket(env)).toEqual({ skipped: expect.stringContaining("expected 12345") })
    } finally {
      if (real !== undefined) process.getuid = real
    }
  })

  test("a file that is no socket", () => {
    const runtime = temporaryDirectory()
    mkdirSync(join(runtime, "vouchsafe"), { mode: 0o700 })
    writeFileSync(join(runtime, "vouchsafe", "node.sock"), "")
    expect(findDaemonSocket({ XDG_RUNTIME_DIR: runtime })).toEqual({ skipped: expect.stringContaining("is no socket") })
  })

  test("a folder that is a link", async () => {
    const { folder } = await setUp()
    const runtime = temporaryDirectory()
    symlinkSync(folder, join(runtime, "vouchsafe"))
    expect(findDaemonSocket({ XDG_RUNTIME_DIR: runtime })).toEqual({ skipped: expect.stringContaining("is no folder") })
  })

  test("a link that leads nowhere is no daemon", () => {
    const runtime = temporaryDirectory()
    mkdirSync(join(runtime, "vouchsafe"), { mode: 0o700 })
    symlinkSync("/does/not/exist", join(runtime, "vouchsafe", "node.sock"))
    expect(findDaemonSocket({ XDG_RUNTIME_DIR: runtime })).toEqual({})
  })
})
