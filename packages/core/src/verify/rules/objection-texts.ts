/**
 * What objections of attesters amount to, in words.
 *
 * @packageDocumentation
 */
import { shown } from "../../errors.ts"
import type { ArtifactRequest, Finding } from "../verdict.ts"
import { displayName, shellWord } from "../format.ts"
import { allowHint, explainHint, list } from "./context.ts"
import type { StatementRule } from "./objection.ts"

/** Objections of one rule, put together over operators. */
export interface Objections {
  readonly operators: Set<string>
  readonly details: Set<string>
  readonly found: Set<string>
  expected: string | undefined
  /** One of them at least keeps a statement from counting. */
  denies: boolean
  /** One of them is about the identity in the project's lock. */
  pinned: boolean
}

interface Texts {
  readonly message: (details: string, { operators, pinned }: Objections) => string
  readonly expected: string
}

const IDENTITY_WORDS: ReadonlyMap<string, string> = new Map([
  ["builder", "builder"], ["inputs", "build inputs"], ["owner", "owner of the source repository"], ["publisher", "publisher"], ["publisher-domain", "e-mail domain of the publisher"],
  ["repository", "source repository"], ["workflow", "workflow"],
])

const TEXTS: Readonly<Record<StatementRule, Texts>> = {
  MANIFEST_MISMATCH: { message: (what) => `the registry's metadata differs from the package's own package.json in ${what}`, expected: "metadata that says what would be installed" },
  PROVENANCE_INVALID: { message: (what, { operators }) => `what the registry attests about it was refused by ${list(operators)}: ${what}`, expected: "attestations that verify, or none" },
  IDENTITY_CHANGED: { message: (what, { pinned }) => `${what} not as in ${pinned ? "the version that the lock holds" : "the versions before it"}`, expected: "the identity that the package had" },
  PROVENANCE_LOST: { message: (what) => `it has no provenance, and ${what} had`, expected: "provenance, as before" },
  MAINTAINER_DOMAIN_LAPSED: { message: (what) => `the e-mail domain of a maintainer does not resolve or was registered anew: ${what}`, expected: "e-mail domains that still belong to the maintainers" },
  NEW_INSTALL_SCRIPT: { message: (what) => `it would run code when it is installed, which the version before it did not: ${what}`, expected: "no lifecycle script or gyp file that is new" },
  NEWBORN_DEPENDENCY: { message: (what) => `it has a new dependency that was published for the first time only days before: ${what}`, expected: "new dependencies that have been there for a while" },
  SOURCE_NOT_FOUND: { message: (what) => `its source repository has no commit or tag for this version, as it had for ${what}`, expected: "a commit or a tag of this version" },
  PUBLISH_BURST: { message: () => "its publisher released many versions or packages within minutes, as they never did before", expected: "releases at the pace that the package had" },
  DORMANT_REVIVED: { message: () => "it was released after years of silence by somebody who is new to it", expected: "a release by those who made the ones before" },
  LOOKALIKE_NAME: { message: (what) => `its name could be taken for ${what}, which is another's`, expected: "a name that is its own" },
  NO_PROVENANCE: { message: (_, { operators }) => `the policy asks for verified provenance, and ${list(operators)} found none`, expected: "verified provenance" },
  EXOTIC_SOURCE: { message: (what) => `it has a new dependency that comes from no registry: ${what}`, expected: "new dependencies from a registry, whose bytes somebody attests" },
  TOO_YOUNG: { message: (what) => `it was published too short a time ago${what === "" ? "" : `; a fix perhaps, since ${what}`}`, expected: "an older version" },
}

/** What a refused person can do, where an exception is not the first thing to think of. */
const ADVICE: Readonly<Partial<Record<StatementRule, string>>> = {
  MANIFEST_MISMATCH: "what the metadata shows is not what would be installed; ask the publisher",
  PROVENANCE_INVALID: "a forged or misplaced attestation is worse than none; run `vouchsafe attestation verify` on it, and ask the publisher",
  NO_PROVENANCE: "install a version that was published with provenance, or change `levels` in vouchsafe.json",
  LOOKALIKE_NAME: "check the name that you meant",
  TOO_YOUNG: "install an older version, or wait",
}

/** The finding of one rule, without its severity. */
export function objectionFinding(rule: StatementRule, request: ArtifactRequest, objections: Objections): Omit<Finding, "severity"> {
  const { operators, details, found, pinned } = objections
  const { message, expected } = TEXTS[rule]
  const facts = found.size > 0 ? [...found].sort().join("; ") : [...details].sort().map(shown).join(", ")
  return {
    code: rule, saidBy: [...operators].sort(),
    message: message(detailsText(rule, [...details].sort(), pinned), objections),
    expected: objections.expected ?? expected,
    ...(facts === "" ? {} : { found: facts }),
    hint: hintOf(rule, request, pinned),
  }
}

function detailsText(rule: StatementRule, details: readonly string[], pinned: boolean): string {
  if (rule === "IDENTITY_CHANGED") {
    const words = details.map((detail) => IDENTITY_WORDS.get(detail) ?? shown(detail))
    return `${words.join(", ")} ${words.length === 1 && words[0] !== "build inputs" ? "is" : "are"}`
  }
  if (rule === "PROVENANCE_LOST") return pinned ? "the version that the lock holds" : details.map((version) => `version ${shown(version)}`).join(", ")
  if (rule === "SOURCE_NOT_FOUND") return details.map((version) => `version ${shown(version)}`).join(", ")
  return rule === "PROVENANCE_INVALID" || rule === "TOO_YOUNG" ? details.join(", ") : details.map(shown).join(", ")
}

function hintOf(rule: StatementRule, { purl }: ArtifactRequest, pinned: boolean): string {
  if (pinned) return `ask the publisher; if the change is right: \`npx vouchsafe lock --accept ${shellWord(displayName(purl))}\``
  const advice = ADVICE[rule]
  return `${advice === undefined ? explainHint(purl) : advice}; ${allowHint(purl, rule)}`
}
