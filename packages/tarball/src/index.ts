/** Reads hostile npm tarballs strictly, in one pass. Start at {@link readTarball}. @packageDocumentation */
export { type Contents, describeContents, MANIFEST_FORMAT, type UnpackedFile } from "./contents.ts"
export { TARBALL_LIMITS, type TarballLimits } from "./limits.ts"
export { bundledFolder, type PackageFacts } from "./package/facts.ts"
export { asObject, asPlainText, type ForeignObject, member } from "./package/json.ts"
export { type Manifest, parsePackageJson, readManifest } from "./package/manifest.ts"
export { tooLarge } from "./refusal.ts"
export { type ByteSource, type ContentSink, type ExpectedDigests, hashTgz, readTarball, type ReadTarballOptions, type Tarball, type TgzDigests } from "./tarball.ts"
