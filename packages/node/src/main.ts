/**
 * The commands of the binary `vouchsafe-node` (spec/node-http.md, "Process").
 *
 * @packageDocumentation
 */
import { nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { backupCommand, restoreCommand } from "./backup/commands.ts"
import { type Invocation, readInvocation } from "./config/arguments.ts"
import type { NodeConfig } from "./config/checked.ts"
import { configCommand } from "./config/commands.ts"
import { HELP } from "./config/help.ts"
import { checkData, checkStorage } from "./fsck.ts"
import { createLogger } from "./logger.ts"
import { startGoverned } from "./governance/start.ts"
import { startNode } from "./node.ts"
import { startFront } from "./storage/front.ts"
import { keepApart, prepareStorage } from "./storage/stores.ts"
import { rotate, type RotateResult } from "./rotation/rotate.ts"
import { holdFolder } from "./state/folder.ts"
import { checkOperatorName, loadOrCreateKeys, operatorOfKeys } from "./state/keys.ts"
import { VERSION } from "./version.ts"

/** The part of the process that the commands use. */
export interface Process {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  once(event: "SIGTERM" | "SIGINT", listener: () => void): unknown
}

/** Exit statuses of DESIGN §11 that this binary has. */
const EXIT = { done: 0, refused: 1, usage: 2, failed: 3 } as const

/** Runs one command to its end. @returns the exit status. */
export async function main(argv: readonly string[], host: Process): Promise<number> {
  try {
    const invocation = readInvocation(argv, host.env)
    const { command, config } = invocation
    switch (command) {
      case "help":
        host.stdout.write(HELP)
        return EXIT.done
      case "version":
        host.stdout.write(`${VERSION}\n`)
        return EXIT.done
      case "keys":
        return showKeys(config, host)
      case "fsck":
        return await fsck(config, host)
      case "config":
        host.stdout.write(await configCommand(invocation))
        return EXIT.done
      case "backup":
        host.stdout.write(`${JSON.stringify(await backupCommand(invocation, systemClock))}\n`)
        return EXIT.done
      case "rotate":
        host.stdout.write(`${JSON.stringify(await rotateCommand(invocation))}\n`)
        return EXIT.done
      case "restore":
        host.stdout.write(`${JSON.stringify(await restoreCommand(invocation, nodeCrypto))}\n`)
        return EXIT.done
      case "front":
        return await run(config, host, startFront)
      default:
        return await run(config, host, (given, world) => startGoverned(startNode, given, world))
    }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    host.stderr.write(`${error.code}: ${error.message}\n${error.hint === undefined ? "" : `  ${error.hint}\n`}`)
    return error.kind === "input" ? EXIT.usage : EXIT.failed
  }
}

async function rotateCommand({ config: { data, storage }, told: { to } }: Invocation): Promise<RotateResult> {
  if (to === undefined) throw new VouchsafeError("USAGE", "rotate needs --to FOLDER")
  if (storage !== undefined) throw new VouchsafeError("USAGE", "rotate works on logs in a data folder, expected no --storage")
  return await rotate({ data, to, crypto: nodeCrypto, clock: systemClock })
}

/** Runs the daemon until a signal ends it, or its storage does. */
async function run(config: NodeConfig, host: Process, start: typeof startNode): Promise<number> {
  const stopping = new AbortController()
  const ended = new Promise<"signal">((resolve) => {
    stopping.signal.addEventListener("abort", () => resolve("signal"))
  })
  host.once("SIGTERM", () => stopping.abort())
  host.once("SIGINT", () => stopping.abort())
  let node
  try {
    node = await start(config, { env: host.env, stopping: stopping.signal })
  } catch (error) {
    // A standby that never had to act.
    if (stopping.signal.aborted && isVouchsafeError(error, "TIMEOUT")) return EXIT.done
    throw error
  }
  const { listenUrl: url, operator, data, rosterPath: roster } = node
  host.stdout.write(`${JSON.stringify({ event: "ready", url, operator, data, roster })}\n`)
  const why = await Promise.race([ended, node.failed])
  await node.stop()
  if (why === "signal") return EXIT.done
  // A log line like the others: whatever collects them learns why the node ended.
  createLogger({ level: config.logLevel, format: config.logFormat ?? "json", write: (line) => void host.stderr.write(line) })
    .error({ code: why.code, hint: why.hint ?? "start the node again: starting is what recovers its logs" }, why.message)
  return EXIT.failed
}

/** Prints the node's public keys as a roster names them, making the keys where there are none. */
function showKeys(config: NodeConfig, host: Process): number {
  const operator = config.operator ?? operatorOfKeys(config.data)
  if (operator === undefined) throw new VouchsafeError("USAGE", "keys needs --operator NAME")
  if (config.url === undefined) throw new VouchsafeError("USAGE", "keys needs --url URL")
  const keys = loadOrCreateKeys(config.data, checkOperatorName(operator))
  const [log, notices, witness] = [keys.log, keys.notices, keys.witness].map(({ verifier }) => verifier.vkey)
  host.stdout.write(`${JSON.stringify({ operator, url: config.url, log, notices, witness })}\n`)
  return EXIT.done
}

/** Recomputes both logs of a node that is not running. */
async function fsck(config: NodeConfig, host: Process): Promise<number> {
  if (!existsSync(join(config.data, "keys", "log.key"))) throw new VouchsafeError("USAGE", `${config.data} is no data folder of a node`)
  const folder = holdFolder(config.data)
  try {
    const storage = await prepareStorage(config, host.env)
    keepApart(folder, storage !== undefined)
    const result = storage === undefined ? await checkData(folder, nodeCrypto) : await checkStorage(folder, nodeCrypto, storage)
    host.stdout.write(`${JSON.stringify(result)}\n`)
    return result.findings.length === 0 ? EXIT.done : EXIT.refused
  } finally {
    folder.release()
  }
}
