import { expect, test } from "vitest"
import * as rebuilder from "../src/index.ts"

test("exports", () => {
  expect(Object.keys(rebuilder).sort()).toEqual([
    "ALLOWED_SIGNERS_LENGTH_MAX", "DIFFERENCES_FORMAT", "REBUILD_LIMITS", "REQUEST_FORMAT", "checkGitUrl", "createBubblewrap", "findBubblewrap", "formatRecipe", "normaliseRepository", "parseRecipe", "parseRefList", "parseRequest", "problemsOfSigners", "programOf", "rebuild", "recipeDigest",
  ])
})
