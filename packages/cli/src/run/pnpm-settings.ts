/**
 * What pnpm's settings do to a run: where its lockfiles lie, whether they are frozen, which registries outvote ours.
 *
 * @packageDocumentation
 */
import { readManagerYaml } from "@vouchsafe/client/node"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import { stringify } from "yaml"
import type { GuardedCommand } from "./command.ts"
import { readIfThere } from "./registries.ts"

const FILE = "pnpm-workspace.yaml"

/** A setting by its name with dashes: what every place says that sets it, as text or as the file's value. */
export type PnpmSettings = (name: string) => readonly unknown[]

export interface SettingsPlaces {
  readonly command: Pick<GuardedCommand, "args" | "dir">
  readonly env: Readonly<Record<string, string | undefined>>
  /** A value of npm's configuration, which pnpm reads too. */
  readonly raw: (name: string) => unknown
}

/**
 * Reads arguments, environment, npm's files and the nearest pnpm-workspace.yaml. Which of them outvotes which differs between versions of pnpm,
 * so all of them are told.
 * @throws VouchsafeError CONFIG_MALFORMED
 */
export function pnpmSettings({ command: { args, dir }, env, raw }: SettingsPlaces): PnpmSettings {
  const file = workspaceSettings(dir)
  return (name) => {
    const camel = name.replace(/-./g, (part) => part.slice(1).toUpperCase())
    const variable = new RegExp(`^p?npm_config_${name.replaceAll("-", "[-_]?")}$`, "i")
    const values = [file[name], file[camel], raw(name), ...Object.entries(env).filter(([key]) => variable.test(key)).map(([, value]) => value), ...argumentsOf(args, [name, camel])]
    return values.filter((value) => value !== undefined && value !== null && value !== "")
  }
}

function argumentsOf(args: readonly string[], names: readonly string[]): string[] {
  const flag = new RegExp(`^--(no-)?(?:config\\.)?(?:${names.join("|")})(?:=(.*))?$`, "is")
  return args.flatMap((arg, i) => {
    const [whole, no, value = args[i + 1] === "false" ? "false" : "true"] = flag.exec(arg) ?? []
    return whole === undefined ? [] : [no === undefined ? value : "false"]
  })
}

function workspaceSettings(dir: string): Readonly<Record<string, unknown>> {
  for (let folder = dir; ; folder = dirname(folder)) {
    if (existsSync(join(folder, FILE))) return read(join(folder, FILE))
    if (folder === dirname(folder)) return {}
  }
}

/** As pnpm reads it: one mapping, in any of YAML's spellings, merge keys included. */
function read(path: string): Readonly<Record<string, unknown>> {
  const settings = readManagerYaml(readIfThere(path), path, { merge: true })
  return typeof settings === "object" && settings !== null ? settings as Readonly<Record<string, unknown>> : {}
}

const isTrue = (value: unknown): boolean => value === true || value === "true"
const isFalse = (value: unknown): boolean => value === false || value === "false"
/** Settings under which pnpm does not load the project's guard. */
const WITHOUT_GUARD = ["ignore-pnpmfile", "pnpmfile", "ignore-workspace"]

/**
 * Refuses lockfiles that lie elsewhere than one `pnpm-lock.yaml` for a workspace: `run` would judge another one, or none, and pnpm would install
 * from its store what nobody has judged. Where the project's own guard is in force, it sees several lockfiles, but not one in another folder.
 *
 * @param isGuarded - whether the project seems to have pnpm's plugin
 * @throws VouchsafeError CONFIG_MALFORMED
 */
export function refuseOtherLockfiles(settings: PnpmSettings, isGuarded: boolean): void {
  const hint = "install with the plugin (`vouchsafe init`), or with one pnpm-lock.yaml beside pnpm-workspace.yaml"
  for (const name of ["lockfile-dir", "lockfile-directory"]) if (settings(name).length > 0) throw new VouchsafeError("CONFIG_MALFORMED", `pnpm's setting ${name} puts the lockfile where \`run\` does not look`, { hint })
  if (isGuarded && WITHOUT_GUARD.every((name) => settings(name).every(isFalse))) return
  const several = settings("shared-workspace-lockfile").some(isFalse) ? "shared-workspace-lockfile" : settings("git-branch-lockfile").some(isTrue) ? "git-branch-lockfile" : undefined
  if (several !== undefined) throw new VouchsafeError("CONFIG_MALFORMED", `pnpm's setting ${several} makes several lockfiles, of which \`run\` judges one`, { hint })
}

/** Whether somebody told pnpm to resolve anew also where it takes the lockfile as it is, as in CI. */
export function isUnfrozen(settings: PnpmSettings): boolean {
  return ["frozen-lockfile", "prefer-frozen-lockfile"].some((name) => settings(name).some(isFalse)) || settings("fix-lockfile").some(isTrue)
}

/** Whether pnpm-workspace.yaml names registries, which pnpm 10 puts before everything that a run can set. */
export function setsRegistries(dir: string): boolean {
  return workspaceSettings(dir)["registries"] !== undefined
}

/** How pnpm 10 pins a config dependency: `1.0.0+sha512-…`. */
const PINNED = /^([^+]*(?:\+(?!sha\d)[^+]*)?)\+(sha\d.*)$/s

/**
 * Config dependencies that pnpm-workspace.yaml itself pins, as pnpm 10 has it, in the form of a lockfile; 11 and 12 keep them in theirs. pnpm installs
 * them and runs their hooks before whatever it was asked to do.
 *
 * @returns undefined where there are none
 */
export function pinnedConfigDependencies(dir: string): string | undefined {
  const listed = workspaceSettings(dir)["configDependencies"]
  const packages = Object.entries(typeof listed === "object" && listed !== null ? listed : {}).flatMap(([name, pin]: [string, unknown]) => {
    const { integrity: text, tarball } = (typeof pin === "object" && pin !== null ? pin : { integrity: pin }) as { readonly integrity?: unknown; readonly tarball?: unknown }
    const [, version, integrity] = PINNED.exec(String(text)) ?? []
    return version === undefined ? [] : [[`${name}@${version}`, { resolution: { integrity, ...(tarball === undefined ? {} : { tarball }) } }]]
  })
  return packages.length === 0 ? undefined : stringify({ lockfileVersion: "9.0", packages: Object.fromEntries(packages) as unknown })
}
