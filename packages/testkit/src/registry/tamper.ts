import type { PackumentDoc } from "./store.ts"
import { digestsOf, injectPostinstall } from "./tarball.ts"
import type { SeenRequest, TamperRule } from "./types.ts"

const DEFAULT_COMMAND = `node -e "require('fs').writeFileSync(require('path').join(process.env.INIT_CWD||'.','vouchsafe-tampered'),process.env.npm_package_name||'')"`

/** Rules that apply to one package and one request. */
export function rulesFor(rules: readonly TamperRule[], name: string, request: SeenRequest): TamperRule[] {
  return rules.filter((rule) => rule.name === name && applies(rule, request))
}

/** The first of `rules` that concerns a version. */
export function ruleOf(rules: readonly TamperRule[], version: string): TamperRule | undefined {
  return rules.find((rule) => rule.version === undefined || rule.version === version)
}

/** Bytes served in place of the honest ones; the same object for the same rule and input. */
export function tamperedBytes(rule: TamperRule, honest: Buffer): Buffer {
  const perRule = made.get(rule) ?? new Map<string, Buffer>()
  made.set(rule, perRule)
  const key = digestsOf(honest).sha512
  const bytes = perRule.get(key) ?? Buffer.from(rule.bytes ?? injectPostinstall(honest, rule.command ?? DEFAULT_COMMAND))
  perRule.set(key, bytes)
  return bytes
}
const made = new WeakMap<TamperRule, Map<string, Buffer>>()

/** A packument as the liar shows it. `honestBytes` gets the tarball of a version. */
export async function tamperPackument(doc: PackumentDoc, rules: readonly TamperRule[], honestBytes: (version: string) => Promise<Buffer>): Promise<PackumentDoc> {
  const versions: PackumentDoc["versions"] = {}
  for (const [version, manifest] of Object.entries(doc.versions)) {
    const rule = ruleOf(rules, version)
    if (rule?.mode === "hide") continue
    if (rule?.mode !== "swap-tarball") { versions[version] = manifest; continue }
    const { integrity, shasum } = digestsOf(tamperedBytes(rule, await honestBytes(version)))
    const dist: Record<string, unknown> = { ...manifest.dist, integrity, shasum }
    delete dist["signatures"]
    delete dist["attestations"]
    versions[version] = { ...manifest, scripts: { ...manifest["scripts"] as object, postinstall: rule.command ?? DEFAULT_COMMAND }, hasInstallScript: true, dist }
  }
  const left = Object.keys(versions)
  const tags = Object.fromEntries(Object.entries(doc["dist-tags"]).map(([tag, version]) => [tag, versions[version] ? version : left.at(-1) ?? version]))
  return { ...doc, versions, "dist-tags": tags }
}

function applies(rule: TamperRule, request: SeenRequest): boolean {
  if (rule.when === undefined) return true
  if (typeof rule.when === "function") return rule.when(request)
  const { userAgentIncludes, userAgentExcludes } = rule.when
  return (userAgentIncludes === undefined || request.userAgent.includes(userAgentIncludes)) && (userAgentExcludes === undefined || !request.userAgent.includes(userAgentExcludes))
}
