import { tarballPath, type PackumentDoc, type Store } from "./store.ts"
import { withAttestations } from "./attestations.ts"
import { ruleOf, rulesFor, tamperPackument } from "./tamper.ts"
import type { RegistryOptions, SeenRequest, TamperRule } from "./types.ts"
import type { Upstream } from "./upstream.ts"

/** What the registry shows: its own packages first, else upstream's. Undefined: 404. */
export interface Content {
  packument(name: string, request: SeenRequest): Promise<PackumentDoc | undefined>
  /** The bytes before any tampering. */
  tarball(name: string, version: string): Promise<Buffer | undefined>
}

export interface ContentContext {
  readonly store: Store
  readonly upstream: Upstream | undefined
  readonly options: RegistryOptions
  /** Changes while the registry runs. */
  readonly rules: () => readonly TamperRule[]
  /** Known once the registry listens. */
  readonly url: () => string
}

export function createContent({ store, upstream, options, rules, url }: ContentContext): Content {
  const full = async (name: string): Promise<PackumentDoc | undefined> => {
    const base = options.tarballBase ?? url()
    const own = store.packument(name, base)
    if (own || !upstream) return own
    const answer = await upstream.get(name.replace("/", "%2f"))
    if (answer.status !== 200) return undefined
    const doc = JSON.parse(answer.body.toString("utf8")) as PackumentDoc
    for (const [version, manifest] of Object.entries(doc.versions)) {
      if (manifest.dist) manifest.dist = { ...manifest.dist, tarball: `${base}${tarballPath(name, version)}` }
    }
    return doc
  }
  const tarball = async (name: string, version: string): Promise<Buffer | undefined> => {
    const own = store.built(name, version)
    if (own || !upstream) return own?.tarball
    const answer = await upstream.get(tarballPath(name, version))
    return answer.status === 200 ? answer.body : undefined
  }
  return {
    tarball,
    async packument(name, request) {
      const found = await full(name)
      const active = rulesFor(rules(), name, request)
      const doc = found && withAttestations(found, options, options.tarballBase ?? url(), (version) => ruleOf(active, version)?.mode === "drop-attestations")
      if (!doc || active.length === 0) return doc
      return tamperPackument(doc, active, async (version) => await tarball(name, version) ?? Buffer.alloc(0))
    },
  }
}
