/** A fake npm registry on loopback: fixtures made in memory, or a real registry passed through, with lies on demand. @packageDocumentation */
export { startRegistry } from "./server.ts"
export { startControl, type Control } from "./control.ts"
export { buildFixture, digestsOf, injectPostinstall, packFixture, packTarball, unpackTarball, type TarMember } from "./tarball.ts"
export { abbreviate, tarballPath, type PackumentDoc } from "./store.ts"
export type { AttestationLie, Built, FakeRegistry, FixtureFile, FixturePackage, RecordedRequest, RegistryOptions, SeenRequest, TamperRule, TamperWhen } from "./types.ts"
