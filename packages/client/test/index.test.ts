import { expect, test } from "vitest"

test("what the package exports", async () => {
  expect(Object.keys(await import("../src/index.ts")).sort()).toEqual([
    "ANSWER_GRACE_MS", "GATHER_FORMAT", "GATHER_REQUEST_FORMAT", "NOTICES_RECHECK_MS", "REQUESTS_IN_FLIGHT_PER_NODE", "ROUND_DEADLINE_MS", "UNREACHABLE_RETRIES_MAX",
    "createClient", "formatGatherRequest", "localVerdict", "mergeProofs", "parseGatherAnswer", "weigh",
  ])
  expect(Object.keys(await import("../src/node/index.ts")).sort()).toEqual([
    "CONFIG_NAME", "CONNECT_TIMEOUT_MS", "DISK_CACHE_LIMITS", "cacheDirectory", "commonestDigests", "credentialsUnder", "diskCache", "diskState", "findConfig", "findDaemonSocket", "genesisPath", "hashFunction",
    "httpTransport", "loadNpmConfig", "nodeCrypto", "npmBuiltInRegistry", "npmRewrites", "openProject", "pnpmRegistries", "registryLookup", "requireSameGenesis", "rosterFolder", "rostersDirectory", "stateDirectory", "systemClock", "systemLockWorld", "systemTimers", "userConfigPath",
    "withLock", "yarnRegistries",
  ])
})
