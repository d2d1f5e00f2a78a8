import { expect, test } from "vitest"
import * as sigstore from "../src/index.ts"

test("the table of contents", () => {
  expect(Object.keys(sigstore).sort()).toEqual([
    "ATTESTATIONS_BYTES_MAX", "REGISTRY_KEYS_LENGTH_MAX", "TRUSTED_ROOT_LENGTH_MAX", "TRUST_MAY_BE_OLD", "UPSTREAM_CODES", "createUpstreamVerifier", "embeddedTrust",
    "embeddedTrustTexts", "fetchTrust", "loadTrust", "normaliseRepository", "refreshTrust", "sameRepository", "seedRepository", "verifyRegistrySignature",
  ])
})
