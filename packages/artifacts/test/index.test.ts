import { expect, test } from "vitest"
import * as artifacts from "../src/index.ts"

test("what the package offers", () => {
  expect(Object.keys(artifacts).sort()).toEqual([
    "ARTIFACT_BYTES_MAX", "ARTIFACT_PROTOCOL", "CHUNK_BYTES", "DOWNLOAD_LIMITS", "HAVE_MAX", "chunkCount", "chunkRange", "createBandwidth", "createSourceBook", "downloadArtifact",
    "formatChunkList", "hashArtifact", "httpSource", "openArtifactStore", "parseChunkList", "peerSource", "readDigests", "serveArtifacts",
  ])
})
