import type { Builds } from "./builds/builds.ts"
import type { CosignerStatus } from "@vouchsafe/log"
import type { NodeServiceOptions } from "./node-service.ts"
import type { Observer } from "./evidence/observer.ts"
import { ALL_ROLES } from "./roles.ts"
import type { CosignedLog } from "./services.ts"
import { VERSION } from "./version.ts"

const STATUS_FORMAT = "vouchsafe-status/v1"

/** @returns a function that says how the node is: the document of `GET /v1/status` (spec/node-http.md). Holds no names of packages. */
export function createStatus(options: NodeServiceOptions & { readonly observer: Observer; readonly builds: Builds | undefined }): () => unknown {
  const { services, own, clock, observer } = options
  const startedMs = clock.nowMs()
  return () => ({
    format: STATUS_FORMAT,
    version: VERSION,
    operator: options.operator,
    url: own.self.url,
    uptimeSeconds: Math.max(0, Math.floor((clock.nowMs() - startedMs) / 1000)),
    roster: { digest: own.roster.digest, version: own.roster.version, operators: own.roster.operators, threshold: own.roster.threshold, singleOperator: own.roster.singleOperator },
    registries: options.registries,
    // Signs what is exported, and nothing that a quorum counts.
    exportKey: options.exportKey.verifier.vkey,
    roles: options.roles ?? ALL_ROLES,
    rebuilds: options.builds !== undefined,
    trust: options.trust(),
    log: logStatus(services.observations),
    notices: logStatus(services.notices),
    queue: { waiting: observer.queued(), running: observer.running() },
    ...options.parts.status(),
  })
}

function logStatus({ log, cosigner, witnesses }: CosignedLog) {
  const ageMs = cosigner.ageMs()
  return {
    origin: log.origin,
    size: log.size,
    cosignedSize: log.cosigned()?.size ?? null,
    cosignedAgeSeconds: Number.isFinite(ageMs) ? Math.floor(ageMs / 1000) : null,
    checkpoint: (log.cosigned() ?? log.head()).text,
    failure: log.failure?.code ?? null,
    witnesses: witnesses.status().map(witnessStatus),
  }
}

function witnessStatus({ name, size, cosignedAtSeconds, failure }: CosignerStatus) {
  return { name, size: size ?? null, cosignedAt: cosignedAtSeconds ?? null, failure: failure ?? null }
}
