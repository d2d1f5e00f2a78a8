/**
 * Nodes under a governed roster: which roster a start takes, and starting anew when there is another.
 *
 * @packageDocumentation
 */
import { httpTransport, nodeCrypto, systemClock, systemTimers } from "@vouchsafe/client/node"
import { parseRoster, VouchsafeError } from "@vouchsafe/core"
import type { NodeConfig } from "../config/checked.ts"
import type { NodeWorld, RunningNode } from "../node.ts"
import { type HeldFolder, writeFileWhole } from "../state/folder.ts"
import { loadOrCreateKeys, operatorOfKeys } from "../state/keys.ts"
import { followOnce, openGovernance } from "./follow.ts"
import { GOVERNANCE_FOLDER } from "./limits.ts"

const ROSTER_MODE = 0o644

/**
 * The configuration with the roster that was verified last, as a file. One whose time is over is taken too: the node goes on serving, and
 * says so; its clients decide for themselves.
 *
 * @throws VouchsafeError CONFIG_MALFORMED, ROSTER_REFUSED (the roster does not list this node; no source shows what the genesis leads to),
 *   ROSTER_EXPIRED, UNREACHABLE (nothing was ever verified), STATE_UNSAFE.
 */
export async function underGovernance(config: NodeConfig, folder: HeldFolder, world: NodeWorld): Promise<NodeConfig> {
  const governance = await openGovernance(config, folder)
  if (governance === undefined) return config
  const transport = httpTransport({ userAgent: "vouchsafe-node" })
  try {
    const { current, failures } = await followOnce(governance, { transport, clock: world.clock ?? systemClock, timers: world.timers ?? systemTimers, stopping: world.stopping })
    if (current === undefined) throw failures[0]?.error ?? new VouchsafeError("ROSTER_EXPIRED", "no roster was ever verified")
    requireListed(config.data, current.text)
    const roster = folder.at(GOVERNANCE_FOLDER, "roster.json")
    writeFileWhole(roster, current.text, ROSTER_MODE)
    return { ...config, roster }
  } finally {
    transport.close()
  }
}

/** @throws VouchsafeError ROSTER_REFUSED for a roster without the keys that this node has. */
function requireListed(data: string, text: string): void {
  const operator = operatorOfKeys(data)
  if (operator === undefined) return
  const { log } = loadOrCreateKeys(data, operator)
  const roster = parseRoster(nodeCrypto, text)
  if (roster.nodes.some((node) => node.log.vkey === log.verifier.vkey)) return
  throw new VouchsafeError("ROSTER_REFUSED", `roster version ${roster.version} does not list this node (${log.verifier.vkey}): it attests nothing any more`, {
    hint: "if that is a mistake, `vouchsafe-node keys` prints the entry that the keyholders would have to add",
  })
}

/**
 * Starts a node, and starts it anew in the same process whenever its roster changed, at the same address. Of what is given back, `failed`
 * tells when it could not start again, and `stop` ends whichever start is in force.
 */
export async function startGoverned(start: (config: NodeConfig, world: NodeWorld) => Promise<RunningNode>, config: NodeConfig, world: NodeWorld): Promise<RunningNode> {
  const first = await start(config, world)
  const listen = config.listen.port === 0 ? { ...config.listen, port: Number(new URL(first.listenUrl).port) } : config.listen
  let running: RunningNode | undefined = first
  let stopped = false
  let turning: Promise<void> = Promise.resolve()
  let fail: (error: VouchsafeError) => void = () => undefined
  const failed = new Promise<VouchsafeError>((resolve) => { fail = resolve })
  const watch = (node: RunningNode): void => {
    void node.failed.then((error) => { if (running === node) fail(error) })
    void node.rosterChanged?.then(() => {
      turning = turn(node)
    })
  }
  const turn = async (node: RunningNode): Promise<void> => {
    if (stopped || running !== node) return
    running = undefined
    try {
      await node.stop()
      // While it ended, somebody may have asked for the end of all.
      if (wasStopped()) return
      running = await start({ ...config, listen }, world)
      watch(running)
    } catch (error) {
      fail(error instanceof VouchsafeError ? error : new VouchsafeError("LOG_BROKEN", `the node could not start under its new roster: ${String(error)}`, { cause: error }))
    }
  }
  const wasStopped = (): boolean => stopped
  watch(first)
  return {
    ...first, failed,
    async stop() {
      stopped = true
      await turning
      const node = running
      running = undefined
      await node?.stop()
    },
  }
}
