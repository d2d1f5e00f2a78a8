/** Observes packages and makes an attester's statements. Start at {@link createAttester}. @packageDocumentation */
export { type Artifact, logKey } from "./artifact.ts"
export { type Attester, type AttesterOptions, createAttester, type Leave, type ObserveResult, type RecheckResult, type Refused } from "./attester.ts"
export { type Contents, describeContents, MANIFEST_FORMAT, type UnpackedFile } from "./contents.ts"
export { ATTESTER_LIMITS, type AttesterLimits, TARBALL_LIMITS, type TarballLimits } from "./limits.ts"
export { bundledFolder, type PackageFacts } from "./package/facts.ts"
export type { Manifest } from "./package/manifest.ts"
export { compareManifests, COMPARED_MEMBERS, type ComparedMember } from "./package/mismatch.ts"
export { type ByteSource, type ExpectedDigests, hashTgz, readTarball, type ReadTarballOptions, type Tarball, type TgzDigests } from "./tarball.ts"
