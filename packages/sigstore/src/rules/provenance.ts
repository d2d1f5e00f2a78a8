/**
 * SLSA provenance signed by a CI run: the rules that cryptography does not know.
 *
 * @packageDocumentation
 */
import type { Provenance } from "@vouchsafe/core"
import type { SignerCertificate } from "../bundle/certificate.ts"
import type { ProvenanceCode } from "../codes.ts"
import type { ForeignStatement } from "../statement.ts"
import { type PredicateFacts, readPredicate, sortInputs } from "./predicate.ts"
import { normaliseRepository, sameRepository } from "./repository.ts"

/** OIDC issuers of continuous integration, and the host under which their repositories, workflows and builders live. */
const FORGE_BY_ISSUER: ReadonlyMap<string, string> = new Map([
  ["https://token.actions.githubusercontent.com", "github.com"],
  ["https://gitlab.com", "gitlab.com"],
])
const RUNNERS = ["github-hosted", "self-hosted"] as const
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const PLACEHOLDER_COMMIT = /^(.)\1*$/
const DECIMAL_ID = /^[1-9][0-9]{0,19}$/
const WITHOUT_REF = /@[^@]*$/

/** Facts of a provenance, without what only the bundle knows. */
export type ProvenanceFacts = Omit<Provenance, "bundle" | "signedAt">

/** All that is wrong, or what it says. */
export type JudgedProvenance = { readonly codes: readonly ProvenanceCode[]; readonly facts: ProvenanceFacts | undefined }

/**
 * Judges a provenance statement against the certificate that signed it, and both against the package.
 *
 * @param repository - `repository` of the package, as it writes it; null: it names none, and nothing is compared
 */
export function judgeProvenance(statement: ForeignStatement, certificate: SignerCertificate | undefined, repository: string | null): JudgedProvenance {
  if (certificate === undefined) return { codes: ["PROVENANCE_NOT_BY_CERTIFICATE"], facts: undefined }
  if (certificate.sanKind === "email") return { codes: ["PROVENANCE_BY_PERSON"], facts: undefined }
  const forge = FORGE_BY_ISSUER.get(certificate.issuer ?? "")
  if (forge === undefined) return { codes: ["PROVENANCE_ISSUER_UNKNOWN"], facts: undefined }
  const predicate = readPredicate(statement)
  if (predicate === undefined) return { codes: ["PROVENANCE_PREDICATE_MALFORMED"], facts: undefined }
  const identity = readIdentity(certificate, forge)
  if (identity === undefined) return { codes: ["PROVENANCE_IDENTITY_MALFORMED"], facts: undefined }
  const codes = [...checkSource(predicate, identity), ...checkRun(predicate, identity, certificate), ...checkBuilder(predicate, certificate, forge)]
  if (repository !== null && !isRepository(repository, identity.repository)) codes.push("PROVENANCE_REPOSITORY_MISMATCH")
  const inputs = sortInputs(predicate.materials.filter(({ repository: from }) => from === undefined || !sameRepository(from, identity.repository)))
  if (inputs === undefined) codes.push("PROVENANCE_PREDICATE_MALFORMED")
  if (codes.length > 0 || inputs === undefined) return { codes, facts: undefined }
  return { codes, facts: { predicateType: predicate.predicateType, ...identity, builder: predicate.builder, inputs } }
}

type Identity = Omit<ProvenanceFacts, "predicateType" | "builder" | "inputs">

/** Undefined for a certificate that does not name repository and commit under its issuer's forge. */
function readIdentity(certificate: SignerCertificate, forge: string): Identity | undefined {
  const { issuer, san, sanKind, ref, trigger, runner, repositoryId, ownerId } = certificate
  const repository = certificate.repository === undefined ? undefined : normaliseRepository(certificate.repository)
  const commit = certificate.commit ?? ""
  if (issuer === undefined || san === undefined || sanKind !== "uri" || !san.startsWith(`https://${forge}/`)) return undefined
  if (repository === undefined || !repository.startsWith(`https://${forge}/`)) return undefined
  if (!COMMIT.test(commit) || PLACEHOLDER_COMMIT.test(commit)) return undefined
  if ([repositoryId, ownerId].some((id) => id !== undefined && !DECIMAL_ID.test(id))) return undefined
  return {
    issuer, san, repository, commit,
    repositoryId: repositoryId ?? null,
    ownerId: ownerId ?? null,
    ref: ref ?? null,
    workflow: workflowOf(certificate.buildConfig ?? san, repository),
    trigger: trigger ?? null,
    runner: RUNNERS.find((known) => known === runner) ?? null,
  }
}

/** The workflow's path within its repository, without the ref; the whole URL where it belongs to another repository. */
function workflowOf(uri: string, repository: string): string | null {
  const path = uri.replace(WITHOUT_REF, "")
  const prefix = `${repository}/`
  if (!path.toLowerCase().startsWith(prefix.toLowerCase())) return path === "" ? null : path
  return path.slice(prefix.length).replace(/^\/+/, "") || null
}

/** The predicate is written by the build, the certificate by Fulcio: they must tell the same story. */
function checkSource(predicate: PredicateFacts, identity: Identity): ProvenanceCode[] {
  const isHere = (repository: string | undefined): boolean => repository !== undefined && sameRepository(repository, identity.repository)
  const { source, materials } = predicate
  const codes: ProvenanceCode[] = []
  const own = materials.filter(({ repository }) => isHere(repository))
  if (!isHere(source.repository) || own.length === 0) codes.push("PROVENANCE_SOURCE_MISMATCH")
  const refs = [source, ...own].flatMap(({ ref }) => ref ?? [])
  if (identity.ref !== null && refs.some((ref) => ref !== identity.ref)) codes.push("PROVENANCE_SOURCE_MISMATCH")
  const commits = [...own, ...(isHere(source.repository) ? [source] : [])].flatMap(({ commit }) => commit ?? [])
  if (commits.some((commit) => commit !== identity.commit) || (own.length > 0 && commits.length === 0)) codes.push("PROVENANCE_COMMIT_MISMATCH")
  return codes
}

/**
 * The run, as far as both say it. The workflow of a certificate without build configuration is the signer's, which may be one that was called;
 * one of another repository is written by predicates as they like.
 */
function checkRun({ run }: PredicateFacts, identity: Identity, { buildConfig }: SignerCertificate): ProvenanceCode[] {
  const isOwn = buildConfig !== undefined && identity.workflow?.startsWith("https://") === false
  const pairs = [[run.workflow, isOwn ? identity.workflow : null], [run.trigger, identity.trigger], [run.repositoryId, identity.repositoryId], [run.ownerId, identity.ownerId]] as const
  return pairs.some(([said, is]) => said !== undefined && is !== null && said !== is) ? ["PROVENANCE_SOURCE_MISMATCH"] : []
}

/** A builder belongs to the forge that issued the identity, and says the same of its runner as the certificate. */
function checkBuilder({ builder }: PredicateFacts, { runner }: SignerCertificate, forge: string): ProvenanceCode[] {
  const said = RUNNERS.find((known) => builder.endsWith(`/runner/${known}`))
  const isForeign = !builder.startsWith(`https://${forge}/`)
  const isOther = said !== undefined && runner !== undefined && said !== runner
  return isForeign || isOther ? ["PROVENANCE_BUILDER_MISMATCH"] : []
}

function isRepository(written: string, expected: string): boolean {
  const normalised = normaliseRepository(written)
  return normalised !== undefined && sameRepository(normalised, expected)
}
