/** The npm registry's HTTP as a server sees it: paths, packuments, encodings. @packageDocumentation */
export { ABBREVIATED_TYPE, acceptsAbbreviated } from "./abbreviated.ts"
export { chooseEncoding, ENCODE_BYTES_MIN, encodeBody, type EncodedBody, type Encoding, type Negotiated } from "./encoded.ts"
export { exoticDependencies, isExoticSpec } from "./exotic.ts"
export { createLru, type LruCache } from "./lru.ts"
export { PACKUMENT_BYTES_MAX, retarget, rewritePackument, rewriteVersion, type Rewritten, VERSIONS_MAX } from "./packument.ts"
export { DENIED_PREFIX, deniedPath, isPackageName, parseRegistryRequest, TARGET_LENGTH_MAX, type RegistryRequest } from "./path.ts"
export { bareName, isVersion, tarballFile, tarballPath, tarballVersion } from "./tarball-name.ts"
export type { Denial, DistEntry, RewriteOptions } from "./types.ts"
