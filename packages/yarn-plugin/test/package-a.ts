/** The package that most tests of the guard are about: a@1.0.0, with one file. */
import type { ArtifactRequest } from "@vouchsafe/core"
import { afterEach } from "vitest"
import { allowed, archiveFiles, locatorOf, makeWorld, refused, sha512, type World, type WorldOptions } from "./support.ts"

export const TARBALL = JSON.stringify({ "index.js": "good" })
/** What its archive holds, by path. */
export const FILES = archiveFiles("a", { "index.js": "good" })
/** What an archive under its name holds that is not made of its tarball. */
export const EVIL_FILES = archiveFiles("a", { "index.js": "evil" })
export const A = locatorOf("a")

const worlds: World[] = []
afterEach(() => { for (const world of worlds.splice(0)) world.close() })
/** A world whose registry has A's tarball and whose project has A, closed after the test. */
export function worldWithA(options: WorldOptions = {}): World {
  const made = makeWorld(options)
  made.registry.set("a", TARBALL)
  made.storedPackages.set(A.locatorHash, A)
  worlds.push(made)
  return made
}

/** Allows nothing but the honest tarball. */
export const onlyHonest = (request: ArtifactRequest) => (request.sha512 === sha512(TARBALL) ? allowed(request) : refused(request))
