import { expect, test } from "vitest"
import * as node from "../src/index.ts"

test("what the package exports", () => {
  expect(Object.keys(node).sort()).toEqual(["RUNTIME_MIN", "VERSION", "createNodeService", "main", "openGossipPart", "openParts", "openServices", "startNode"])
})
