/** Rebuilds packages from source in a sandbox and compares. Start at {@link rebuild}; a node starts the binary instead. @packageDocumentation */
export { type Comparison, DIFFERENCES_FORMAT } from "./compare/document.ts"
export { type Program, programOf } from "./compare/program.ts"
export { ALLOWED_SIGNERS_LENGTH_MAX } from "./git/allowed-signers.ts"
export { parseRefList } from "./git/refs.ts"
export { problemsOfSigners, type SignersProblem } from "./git/signers-file.ts"
export { checkGitUrl, normaliseRepository } from "./git/url.ts"
export { REBUILD_LIMITS } from "./limits.ts"
export { rebuild, type RebuildWorld } from "./pipeline.ts"
export { formatRecipe, parseRecipe, type Recipe, recipeDigest, type RecipeStep } from "./recipe/recipe.ts"
export { parseRequest } from "./request.ts"
export { createBubblewrap, findBubblewrap } from "./sandbox/bubblewrap.ts"
export {
  type ComparedResult, type EnvironmentFact, type FailedResult, type FailureCode, type FoundBy, type Match, type RebuildEvent, type RebuildLimits, type RebuildRequest, type RebuildResult,
  type RegistriesConfig, REQUEST_FORMAT, type SourceFact, type TarballFact,
} from "./types.ts"
