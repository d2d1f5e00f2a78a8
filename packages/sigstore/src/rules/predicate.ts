/**
 * What a SLSA provenance predicate says about source and builder, v0.2 and v1 in one shape.
 *
 * @packageDocumentation
 */
import { type BuildInput, isPlaceholder, PROVENANCE_INPUTS_MAX, SLSA_PROVENANCE_V02_TYPE, SLSA_PROVENANCE_V1_TYPE } from "@vouchsafe/core"
import { memberAt, memberOf, membersOf, plainText } from "../json.ts"
import { FACT_LENGTH_MAX, MATERIALS_MAX } from "../limits.ts"
import type { ForeignStatement } from "../statement.ts"
import { normaliseRepository, splitSourceUri } from "./repository.ts"

/** A source that a predicate names. */
export interface NamedSource {
  /** Normalised; undefined where the text names no repository. */
  readonly repository: string | undefined
  readonly commit: string | undefined
  readonly ref: string | undefined
}

/** A material as it is written. */
export interface NamedMaterial extends NamedSource {
  readonly input: BuildInput | undefined
}

/** What a predicate says of the run besides; undefined where it does not. */
export interface NamedRun {
  /** Path within the repository. */
  readonly workflow: string | undefined
  readonly trigger: string | undefined
  readonly repositoryId: string | undefined
  readonly ownerId: string | undefined
}

/** The parts of a predicate that are compared with the certificate. */
export interface PredicateFacts {
  readonly predicateType: typeof SLSA_PROVENANCE_V1_TYPE | typeof SLSA_PROVENANCE_V02_TYPE
  readonly builder: string
  /** Where the build was started from. */
  readonly source: NamedSource
  readonly run: NamedRun
  /** Everything that went into the build. */
  readonly materials: readonly NamedMaterial[]
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** Reads a predicate. Undefined for one that leaves out builder, source or materials. */
export function readPredicate({ predicateType, predicate }: ForeignStatement): PredicateFacts | undefined {
  if (predicateType === SLSA_PROVENANCE_V1_TYPE) return readV1(predicate)
  return predicateType === SLSA_PROVENANCE_V02_TYPE ? readV02(predicate) : undefined
}

function readV1(predicate: unknown): PredicateFacts | undefined {
  const builder = plainText(memberAt(predicate, "runDetails", "builder", "id"), FACT_LENGTH_MAX)
  const workflow = memberAt(predicate, "buildDefinition", "externalParameters", "workflow")
  const repository = plainText(memberOf(workflow, "repository"), FACT_LENGTH_MAX)
  const materials = readMaterials(memberAt(predicate, "buildDefinition", "resolvedDependencies"), "gitCommit")
  if (builder === undefined || repository === undefined || materials === undefined) return undefined
  const source = { repository: normaliseRepository(repository), commit: undefined, ref: plainText(memberOf(workflow, "ref"), FACT_LENGTH_MAX) }
  const internal = memberAt(predicate, "buildDefinition", "internalParameters", "github")
  const text = (value: unknown): string | undefined => plainText(value, FACT_LENGTH_MAX)
  const run = { workflow: text(memberOf(workflow, "path")), trigger: text(memberOf(internal, "event_name")), repositoryId: text(memberOf(internal, "repository_id")), ownerId: text(memberOf(internal, "repository_owner_id")) }
  return { predicateType: SLSA_PROVENANCE_V1_TYPE, builder, source, run, materials }
}

/** In v0.2 each forge calls these something else. */
const NO_RUN: NamedRun = { workflow: undefined, trigger: undefined, repositoryId: undefined, ownerId: undefined }

function readV02(predicate: unknown): PredicateFacts | undefined {
  const builder = plainText(memberAt(predicate, "builder", "id"), FACT_LENGTH_MAX)
  const source = readSource(memberAt(predicate, "invocation", "configSource"), "sha1")
  const materials = readMaterials(memberOf(predicate, "materials"), "sha1")
  if (builder === undefined || source === undefined || materials === undefined) return undefined
  return { predicateType: SLSA_PROVENANCE_V02_TYPE, builder, source, run: NO_RUN, materials }
}

function readMaterials(value: unknown, algorithm: string): NamedMaterial[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MATERIALS_MAX) return undefined
  return value.map((item: unknown) => ({ ...(readSource(item, algorithm) ?? NO_SOURCE), input: readInput(item) }))
}

const NO_SOURCE: NamedSource = { repository: undefined, commit: undefined, ref: undefined }
const INPUT_DIGEST = /^[a-zA-Z0-9_]{1,32}:[0-9a-f]{32,128}$/

/** What was taken in, by its address and the first of its digests. What has not both cannot be compared with anything. */
function readInput(value: unknown): BuildInput | undefined {
  const uri = plainText(memberOf(value, "uri"), FACT_LENGTH_MAX)
  const digests = membersOf(memberOf(value, "digest")) ?? {}
  const digest = Object.entries(digests).map(([name, hex]) => `${name}:${typeof hex === "string" ? hex.toLowerCase() : ""}`).find((text) => INPUT_DIGEST.test(text))
  return uri === undefined || isPlaceholder(uri) || digest === undefined ? undefined : { uri, digest }
}

/**
 * Inputs by address, sorted, each once.
 * @returns undefined where there are more than a statement may hold, or one address stands for two digests
 */
export function sortInputs(materials: readonly NamedMaterial[]): readonly BuildInput[] | undefined {
  const byUri = new Map<string, BuildInput>()
  for (const { input } of materials) {
    if (input === undefined) continue
    if ((byUri.get(input.uri) ?? input).digest !== input.digest) return undefined
    byUri.set(input.uri, input)
  }
  return byUri.size > PROVENANCE_INPUTS_MAX ? undefined : [...byUri.keys()].sort().map((uri) => byUri.get(uri) as BuildInput)
}

/** A resource that is a commit of a repository; others (images, packages) are none. */
function readSource(value: unknown, algorithm: string): NamedSource | undefined {
  const uri = plainText(memberOf(value, "uri"), FACT_LENGTH_MAX)
  const digest = memberAt(value, "digest", algorithm)
  if (uri === undefined || typeof digest !== "string" || !COMMIT.test(digest)) return undefined
  return { ...splitSourceUri(uri), commit: digest }
}
