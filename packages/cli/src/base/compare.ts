/**
 * In what a change of a project weakens its own judge: compared with a commit, from which policy, trust and pinned identities are taken
 * (spec/floor.md, "check --base"; THREATS A5).
 *
 * @packageDocumentation
 */
import { LOCK_NAME, nodeCrypto } from "@vouchsafe/client/node"
import { type ArtifactFacts, type Finding, isVouchsafeError, npmNameOf, parseLock, parsePolicy, parseRoster, pinObjection, type Policy, policyWeakenings, shown, VouchsafeError } from "@vouchsafe/core"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { join, posix } from "node:path"
import { readIfPresent } from "../setup/files.ts"
import { hasConfigDependency } from "../setup/managers.ts"
import { pnpmFiles, POLICY_NAME, ROSTER_NAME, type Shipped, shipped, yarnFiles } from "../setup/plan.ts"
import { YARN_PLUGIN_PATH } from "../setup/yarnrc.ts"
import type { BaseTree } from "./git.ts"
import { SETTINGS_FILES } from "./settings.ts"

/** Hex digits of a digest that a person is shown. */
const DIGEST_SHOWN = 16

/** Files that every comparison looks at. */
export const COMPARED_FILES: readonly string[] = [POLICY_NAME, ROSTER_NAME, LOCK_NAME, ".pnpmfile.cjs", ".vouchsafe/core.mjs", YARN_PLUGIN_PATH, ...Object.keys(SETTINGS_FILES)]

/** Everything that is weaker in the project at `root` than in `base`. Empty when nothing is. */
export function weakeningsSince(root: string, base: BaseTree, read: Shipped = shipped): Finding[] {
  const basePolicyText = base.read(POLICY_NAME)
  return [
    ...(basePolicyText === undefined ? [] : trustFindings(root, base, policyAt(basePolicyText, base.commit))),
    ...settingFindings(root, base), ...guardFindings(root, base, read), ...pinFindings(root, base),
  ]
}

function weakened(message: string, expected: string, found: string, hint = "take the change back, or have it reviewed and merged on its own first"): Finding {
  return { code: "POLICY_WEAKENED", severity: "deny", saidBy: [], message, expected, found, hint }
}

function policyAt(text: string, commit: string): Policy {
  try {
    return parsePolicy(text)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `${POLICY_NAME} of ${commit} cannot be read: ${cause.message}`, { cause })
  }
}

/** Policy and roster. */
function trustFindings(root: string, base: BaseTree, was: Policy): Finding[] {
  const path = join(root, POLICY_NAME)
  const text = readIfPresent(path)
  if (text === undefined) return [weakened(`${POLICY_NAME} was removed`, "the policy of the base", "none")]
  const is = parsePolicy(text)
  return [...policyWeakenings(was, is), ...rosterFindings(root, base, was, is)]
}

/** Of a governed roster the file is only a floor of versions; else it is who is trusted. */
function rosterFindings(root: string, base: BaseTree, was: Policy, is: Policy): Finding[] {
  const place = posix.normalize(was.roster)
  if (place.startsWith("..") || place.startsWith("/")) return []
  const before = base.read(place)
  if (before === undefined) return []
  const after = readIfPresent(join(root, is.roster))
  if (after === before) return []
  if (after === undefined) return [weakened("the roster was removed", place, "none")]
  const [old, now] = [parseRoster(nodeCrypto, before), parseRoster(nodeCrypto, after)]
  if (was.governance !== undefined && is.governance !== undefined && now.version >= old.version) return []
  const text = ({ version, operators, threshold }: typeof old): string => `version ${version}, ${threshold} of ${operators.join(", ")}`
  return [weakened(`${place} was changed: it says who is trusted`, text(old), text(now))]
}

/** Settings of package managers. */
function settingFindings(root: string, base: BaseTree): Finding[] {
  return Object.entries(SETTINGS_FILES).flatMap(([file, read]) => {
    const before = new Map(read(base.read(file)).map((setting) => [setting.name, setting]))
    return read(readIfPresent(join(root, file))).flatMap(({ name, value, isHarmless }): Finding[] => {
      const was = before.get(name)?.value ?? ""
      return isHarmless || was === value ? [] : [weakened(`${file}: ${name} was changed`, shown(was), shown(value))]
    })
  })
}

/** The guards' own files, which must be those of this release where they are not those of the base. */
function guardFindings(root: string, base: BaseTree, read: Shipped): Finding[] {
  const files = [...pnpmFiles(root, read), ...yarnFiles(root, read).filter(({ place }) => place === "own")]
  const changed = files.flatMap(({ path, content }): Finding[] => {
    const name = posix.normalize(path.slice(root.length + 1).replaceAll("\\", "/"))
    const [before, after] = [base.read(name), readIfPresent(path)]
    if (after === before || (after !== undefined && Buffer.from(content).equals(Buffer.from(after)))) return []
    if (after === undefined) return hasConfigDependency(root) && !name.startsWith(".yarn") ? [] : [weakened(`${name} was removed: nothing guards this package manager's installs any more`, digestOf(before), "none")]
    return [weakened(`${name} is neither the one of this release nor that of the base`, `sha256 ${digestOf(content)} of this release`, `sha256 ${digestOf(after)}`, "run `vouchsafe init` after moving it away")]
  })
  const other = ".pnpmfile.mjs"
  return existsSync(join(root, other)) && base.read(other) === undefined ? [...changed, weakened(`${other} was added: pnpm 11 and 12 load it instead of the guard`, "none", other)] : changed
}

function digestOf(content: string | Uint8Array | undefined): string {
  return content === undefined ? "none" : `${createHash("sha256").update(content).digest("hex").slice(0, DIGEST_SHOWN)}…`
}

/** Who made the code: identities that the base's lock pins, against those of the changed lock. */
function pinFindings(root: string, base: BaseTree): Finding[] {
  const before = base.read(LOCK_NAME)
  if (before === undefined) return []
  const after = readIfPresent(join(root, LOCK_NAME))
  if (after === undefined) return [weakened(`${LOCK_NAME} was removed: nothing is pinned any more`, LOCK_NAME, "none")]
  const [old, now] = [parseLock(nodeCrypto, before), parseLock(nodeCrypto, after)]
  const network = old.network === now.network ? [] : [weakened(`${LOCK_NAME} is of another network`, old.network, now.network)]
  const pins = byName([...old.lines.artifacts].map(({ facts }) => facts))
  const known = new Set([...old.lines.artifacts].map(({ facts }) => `${facts.purl} ${facts.sha512}`))
  return [...network, ...[...now.lines.artifacts].flatMap(({ facts }): Finding[] => {
    if (known.has(`${facts.purl} ${facts.sha512}`)) return []
    // Several versions of a package may be locked: like one of them is enough.
    const objections = (pins.get(npmNameOf(facts.purl).name) ?? []).map((pin) => pinObjection(pin, facts))
    const [first] = objections
    if (first === undefined || objections.includes(undefined)) return []
    return [weakened(`${facts.purl} is by somebody else than the base's lock pins (${first.rule}: ${first.details.join(", ")})`, first.expected ?? "", first.found ?? "", "review who made it; once merged it is the pinned identity")]
  })]
}

function byName(facts: readonly ArtifactFacts[]): ReadonlyMap<string, readonly ArtifactFacts[]> {
  const names = new Map<string, ArtifactFacts[]>()
  for (const one of facts) {
    const { name } = npmNameOf(one.purl)
    names.set(name, [...names.get(name) ?? [], one])
  }
  return names
}
