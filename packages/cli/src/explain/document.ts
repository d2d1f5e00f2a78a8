import type { Observation } from "@vouchsafe/core"
import type { Explained } from "./screen.ts"

/** What `explain --json` prints: the verdict with all its members, and every statement that was found. */
export function explainDocument({ verdict, said, since, notices }: Explained): object {
  return {
    verdict, since: since ?? null, notices,
    statements: said.observations.map(({ operator, index, counts, observation }) => ({ operator, index, counts, ...factsOf(observation) })),
    rebuilds: said.rebuilds.map(({ operator, index, standing, rebuild: { purl: _, registry: __, log, ...rest } }) => ({
      operator, origin: log, index, standing, ...rest, differences: { ...rest.differences, classes: Object.fromEntries(rest.differences.classes) },
    })),
    releases: said.releases.map(({ operator, origin, index, counts, foreign }) => ({
      operator, origin, index, counts, claimedKey: foreign.envelope.signatures[0]?.keyId ?? null, sha512: foreign.sha512, source: foreign.release.source ?? null,
    })),
  }
}

function factsOf(observation: Observation): Record<string, unknown> {
  const { package: facts, contents, tarball, packument, upstream, sha512, observedAt } = observation
  return {
    sha512, observedAt, size: tarball.size, files: contents.files, unpackedSize: contents.unpackedSize, h1: contents.h1,
    scripts: Object.fromEntries(facts.scripts), gyp: facts.gyp, publisher: packument.publisher, publishedAt: packument.publishedAt, repository: packument.repository, mismatch: packument.mismatch, upstream, history: observation.history,
  }
}
