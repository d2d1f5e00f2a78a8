/**
 * Identity against what the project's lock pins: who published and built the version that the project has (packages/spec/verify.md, "Pins").
 *
 * @packageDocumentation
 */
import type { ArtifactFacts, SourceIdentity } from "../artifact-facts.ts"
import { isOtherBuilder } from "../builder.ts"
import type { Objection } from "./objection.ts"

/** What differs from the pinned identity; nothing for the pinned artifact itself. */
export function pinObjection(pin: ArtifactFacts, facts: ArtifactFacts): Objection | undefined {
  if (pin.sha512 === facts.sha512) return undefined
  if (pin.provenance !== null && facts.provenance === null) {
    return { rule: "PROVENANCE_LOST", denies: true, pinned: true, details: ["the version in the lock"], expected: describe(pin), found: describe(facts) }
  }
  const details = pin.provenance !== null && facts.provenance !== null ? builtElsewhere(pin.provenance, facts.provenance) : publishedElsewhere(pin, facts)
  return details.length === 0 ? undefined : { rule: "IDENTITY_CHANGED", denies: true, pinned: true, details, expected: describe(pin), found: describe(facts) }
}

/** Two verified builds: ids where the forge gave them, since names are registered again. */
function builtElsewhere(pin: SourceIdentity, now: SourceIdentity): string[] {
  const hasIds = pin.repositoryId !== null && now.repositoryId !== null
  const hasOwners = pin.ownerId !== null && now.ownerId !== null
  return [
    ...(hasIds ? pin.repositoryId !== now.repositoryId : pin.repository !== now.repository) ? ["repository"] : [],
    ...(hasOwners && pin.ownerId !== now.ownerId ? ["owner"] : []),
    ...(workflowPath(pin.workflow) === workflowPath(now.workflow) ? [] : ["workflow"]),
    ...(isOtherBuilder(pin.builder, now.builder) ? ["builder"] : []),
  ]
}

/** Of a workflow the ref says which version of it ran, not which it is. */
function workflowPath(workflow: string | null): string | null {
  return workflow === null ? null : workflow.replace(/@.*$/s, "")
}

/** What the registry says. One of several maintainers in turn is no change: attesters flag a publisher who is new to the package. */
function publishedElsewhere(pin: ArtifactFacts, now: ArtifactFacts): string[] {
  const isNewPublisher = pin.publisher !== null && now.publisher !== null && pin.publisher !== now.publisher && now.flags.some(({ word }) => word === "publisher-new")
  const isMoved = pin.repository !== now.repository && pin.repository !== null && now.repository !== null && repositoryName(pin.repository) !== repositoryName(now.repository)
  return [...(isNewPublisher ? ["publisher"] : []), ...(isMoved ? ["repository"] : [])]
}

/** Host and path of a repository's URL, as people write it in different ways: `git+ssh://git@host/a/b.git`, `https://host/a/b/tree/main/x`, `host:a/b`. */
function repositoryName(url: string): string {
  const plain = url.trim().toLowerCase().replace(/[?#].*$/s, "").replace(/^(?:git\+)?[a-z]+:\/\//, "").replace(/^[^/@]*@/, "").replace(/^www\./, "")
  const [host = "", owner = "", name = ""] = plain.replace(/^([^/:]+):(?![0-9])/, "$1/").split("/")
  return `${host.replace(/:[0-9]+$/, "").replace(/\.(?:com|org)$/, "")}/${owner}/${name.replace(/\.git$/, "")}`
}

function describe({ publisher, repository, provenance }: ArtifactFacts): string {
  if (provenance !== null) {
    const { ownerId, repositoryId, workflow, builder } = provenance
    const ids = [repositoryId === null ? "" : `repository id ${repositoryId}`, ownerId === null ? "" : `owner id ${ownerId}`].filter((text) => text !== "").join(", ")
    return `built from ${provenance.repository}${ids === "" ? "" : ` (${ids})`} by ${workflow ?? "an unnamed workflow"} on ${builder}`
  }
  return `published by ${publisher ?? "nobody named"}${repository === null ? "" : ` for ${repository}`}, no provenance`
}
