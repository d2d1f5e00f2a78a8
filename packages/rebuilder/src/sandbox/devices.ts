/**
 * Device nodes for a run that root starts. bubblewrap shows the host's own; whoever is root outside owns them, and could take everybody's
 * permission to use them away with a plain chmod. So root's runs get nodes of their own, which belong to nobody.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { promisify } from "node:util"

/** Numbers of Linux' devices, which never change. */
const NODES: Readonly<Record<string, readonly [major: number, minor: number]>> = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] }
/** On a file system that surely may hold devices. */
const PARENT = "/dev"
const PREFIX = "vouchsafe-sandbox-"
const NOBODY = 65_534
const MAKE_MS_MAX = 10_000

export interface Devices {
  /** Arguments of bubblewrap, to stand after its own `--dev`. */
  readonly args: readonly string[]
  remove(): void
}

/** Makes the nodes. @throws VouchsafeError DISK where root may make none */
export async function makeDevices(): Promise<Devices> {
  removeLeftBehind()
  let folder: string | undefined
  try {
    folder = mkdtempSync(`${PARENT}/${PREFIX}${process.pid}-`)
    const made = folder
    const script = Object.entries(NODES).map(([name, [major, minor]]) => `mknod -m 666 ${made}/${name} c ${major} ${minor}`).join(" && ")
    await promisify(execFile)("/bin/sh", ["-c", `${script} && chown ${NOBODY}:${NOBODY} ${made}/*`], { timeout: MAKE_MS_MAX })
    return {
      args: Object.keys(NODES).flatMap((name) => ["--dev-bind", `${made}/${name}`, `/dev/${name}`]),
      remove: () => rmSync(made, { recursive: true, force: true }),
    }
  } catch (cause) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    throw new VouchsafeError("DISK", "root may make no device nodes here, and lends no sandbox the host's own", { cause, hint: "run rebuilds as an ordinary user" })
  }
}

/** Nodes of processes that were killed before they could remove them. */
function removeLeftBehind(): void {
  for (const name of readdirSync(PARENT)) {
    const pid = new RegExp(`^${PREFIX}([0-9]+)-`).exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(`${PARENT}/${name}`, { recursive: true, force: true })
  }
}
