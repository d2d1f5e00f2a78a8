import type { Register } from "./types.ts"

/**
 * Every command, in the order in which help lists them. A command's code is loaded when it is asked for: most of them
 * need the client, which takes longer to load than `--version` to answer.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  init: async () => (await import("./init.ts")).registerInit,
  run: async () => (await import("./run.ts")).registerRun,
  check: async () => (await import("./check.ts")).registerCheck,
  lock: async () => (await import("./lock.ts")).registerLock,
  audit: async () => (await import("./audit.ts")).registerAudit,
  explain: async () => (await import("./explain.ts")).registerExplain,
  allow: async () => (await import("./allow.ts")).registerAllow,
  lists: async () => (await import("./lists.ts")).registerLists,
  doctor: async () => (await import("./doctor.ts")).registerDoctor,
  log: async () => (await import("./log.ts")).registerLog,
  shim: async () => (await import("./shim.ts")).registerShim,
  node: async () => (await import("./node.ts")).registerNode,
  network: async () => (await import("./network.ts")).registerNetwork,
  ping: async () => (await import("./ping.ts")).registerPing,
  peers: async () => (await import("./peers.ts")).registerPeers,
  config: async () => (await import("./config.ts")).registerConfig,
  status: async () => (await import("./status.ts")).registerStatus,
  roster: async () => (await import("./roster.ts")).registerRoster,
  keys: async () => (await import("./keys.ts")).registerKeys,
  release: async () => (await import("./release.ts")).registerRelease,
  withdraw: async () => (await import("./withdraw.ts")).registerWithdraw,
  pin: async () => (await import("./pin.ts")).registerPin,
  unpin: async () => (await import("./pin.ts")).registerUnpin,
  build: async () => (await import("./build.ts")).registerBuild,
  rebuild: async () => (await import("./rebuild.ts")).registerRebuild,
  export: async () => (await import("./export.ts")).registerExport,
  attestation: async () => (await import("./attestation.ts")).registerAttestation,
  names: async () => (await import("./names.ts")).registerNames,
  lockfile: async () => (await import("./lockfile.ts")).registerLockfile,
}

/** Names of the commands that a command line can mean: one where it names one, none where it only asks for the version, else all of them. */
export function commandsFor(argv: readonly string[]): readonly string[] {
  const [first] = argv
  if (first !== undefined && Object.hasOwn(COMMANDS, first)) return [first]
  return first === "--version" || first === "-V" ? [] : Object.keys(COMMANDS)
}
