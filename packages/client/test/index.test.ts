import { expect, test } from "vitest"

test("what the package exports", async () => {
  expect(Object.keys(await import("../src/index.ts")).sort()).toEqual([
    "ANSWER_GRACE_MS", "GATHER_FORMAT", "GATHER_REQUEST_FORMAT", "NOTICES_RECHECK_MS", "REQUESTS_IN_FLIGHT_PER_NODE", "ROUND_DEADLINE_MS", "UNREACHABLE_RETRIES_MAX",
    "createClient", "formatGatherRequest", "localVerdict", "mergeProofs", "parseGatherAnswer", "warnUncovered", "weigh",
  ])
  expect(Object.keys(await import("../src/node/index.ts")).sort()).toEqual([
    "CONFIG_NAME", "CONNECT_TIMEOUT_MS", "DISK_CACHE_LIMITS", "FLOOR_VARIABLE", "LOCK_NAME", "cacheDirectory", "commonestDigests", "credentialsUnder", "diskCache", "diskState", "dropExceptions", "findConfig", "findDaemonSocket", "findLockFile", "genesisPath", "hashFunction",
    "httpTransport", "isListUrl", "isVersion", "listPath", "listsDirectory", "loadNpmConfig", "nodeCrypto", "npmBuiltInRegistry", "npmRewrites", "openProject", "pnpmRegistries", "putException", "readList", "readLockFile", "readManagerYaml", "readPolicy", "registryLookup", "requireSameGenesis", "rosterFolder", "rostersDirectory", "spellName", "stateDirectory", "systemClock", "systemFloorPath", "systemLockWorld", "systemTimers", "userConfigPath",
    "withLock", "writeList", "writeLockFile", "yarnRegistries",
  ])
})
