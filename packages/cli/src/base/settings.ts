/**
 * Settings of package managers that can pass a guard by or change where packages come from (THREATS A5; CLIENTS).
 *
 * @packageDocumentation
 */
import { readManagerYaml } from "@vouchsafe/client/node"
import { VouchsafeError } from "@vouchsafe/core"
import { YARN_PLUGIN_PATH } from "../setup/yarnrc.ts"

type Members = Readonly<Record<string, unknown>>

/** One setting as a text that is equal where the values are, and whether that value can do no harm whatever was there before. */
export interface Setting {
  readonly name: string
  readonly value: string
  readonly isHarmless: boolean
}

/** Reads the settings of one file that count; an absent file has them all at their defaults. */
export type SettingsReader = (text: string | undefined) => readonly Setting[]

const isOff = (value: unknown): boolean => value === undefined || value === null || value === false || value === "false" || value === ""
const isOn = (value: unknown): boolean => value === undefined || value === null || value === true || value === "true"
const isAbsent = (value: unknown): boolean => value === undefined || value === null
const namesHook = (value: unknown): boolean => isAbsent(value) || (Array.isArray(value) ? value : [value]).some((name) => name === ".pnpmfile.cjs" || name === "./.pnpmfile.cjs")

/** By setting: when it harms nothing. Whatever else differs from before is a weakening. */
const PNPM: Readonly<Record<string, (value: unknown) => boolean>> = {
  ignorePnpmfile: isOff, pnpmfile: namesHook, globalPnpmfile: isAbsent, configDependencies: () => false, registries: () => false, registry: () => false, verifyStoreIntegrity: isOn,
}

const YARN: Readonly<Record<string, (value: unknown) => boolean>> = {
  plugins: onlyOurs, yarnPath: () => false, checksumBehavior: (value) => isAbsent(value) || value === "throw", npmScopes: () => false, npmRegistryServer: () => false,
}

const NPMRC: Readonly<Record<string, (value: unknown) => boolean>> = {
  "ignore-pnpmfile": isOff, pnpmfile: namesHook, "global-pnpmfile": isAbsent, registry: () => false, "replace-registry-host": (value) => isAbsent(value) || value === "always",
  "verify-store-integrity": isOn, "strict-ssl": isOn,
}

/** Our plugin and no other, which could change what it does. */
function onlyOurs(value: unknown): boolean {
  return Array.isArray(value) && value.length === 1 && value.every((entry: unknown) => {
    const path = typeof entry === "object" && entry !== null && "path" in entry ? entry.path : entry
    return path === YARN_PLUGIN_PATH || path === `./${YARN_PLUGIN_PATH}`
  })
}

/** The files whose settings are compared. */
export const SETTINGS_FILES: Readonly<Record<string, SettingsReader>> = {
  "pnpm-workspace.yaml": (text) => tableOf(PNPM, yamlOf(text, "pnpm-workspace.yaml", true)),
  ".yarnrc.yml": (text) => tableOf(YARN, yamlOf(text, ".yarnrc.yml", false)),
  ".npmrc": (text) => npmrcSettings(text ?? ""),
  "bunfig.toml": (text) => bunSettings(text ?? ""),
  "package.json": (text) => manifestSettings(text),
}

function tableOf(table: Readonly<Record<string, (value: unknown) => boolean>>, settings: Members): Setting[] {
  return Object.entries(table).map(([name, isHarmless]) => ({ name, value: textOf(settings[name]), isHarmless: isHarmless(settings[name]) }))
}

function yamlOf(text: string | undefined, file: string, merge: boolean): Members {
  return text === undefined ? {} : membersOf(readManagerYaml(text, file, { merge }))
}

/** The members of a map; none of anything else. */
export function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Members : {}
}

/** A setting in its plain spelling. */
const NPMRC_LINE = /^([A-Za-z0-9@_./:-]+)\s*=\s*(.*)$/

/**
 * `key = value` lines; the last of a key counts. Registries of scopes are settings of their own. So is whatever else a line says: npm's reader
 * takes a key alone, one in quotes and one with a comment behind it for that key, and ends lines at a carriage return.
 */
function npmrcSettings(text: string): Setting[] {
  const found = new Map<string, string>()
  const others: string[] = []
  for (const line of text.split(/[\r\n]+/).map((one) => one.trim())) {
    const [, key, value = ""] = NPMRC_LINE.exec(line) ?? []
    if (key !== undefined) found.set(key, value.replace(/^(["'])(.*)\1$/, "$2"))
    else if (line !== "" && !/^[;#]/.test(line)) others.push(line)
  }
  const scopes = [...found].filter(([key]) => /^@[^/:]+:registry$/i.test(key)).sort()
  return [
    ...tableOf(NPMRC, Object.fromEntries(found)), { name: "@scope:registry", value: scopes.map(([key, value]) => `${key}=${value}`).join(" "), isHarmless: scopes.length === 0 },
    { name: "what is no plain setting", value: others.join(" "), isHarmless: others.length === 0 },
  ]
}

/** Lines of the sections about installs, without comments: compared as they are written. */
function bunSettings(text: string): Setting[] {
  const lines: string[] = []
  let isInstall = false
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.replace(/^\s*#.*$|\s+#[^"']*$/, "").trim()
    // Quotes and escapes spell the same names in other ways.
    if (line.startsWith("[")) isInstall = /install|["'\\]/i.test(line)
    if (line !== "" && (isInstall || /^(?:install\b|["'])/.test(line))) lines.push(line)
  }
  return [{ name: "[install]", value: lines.join(" "), isHarmless: false }]
}

/** pnpm 10 takes its settings from package.json too. */
function manifestSettings(text: string | undefined): Setting[] {
  let manifest: Members = {}
  if (text !== undefined) {
    try {
      manifest = membersOf(JSON.parse(text))
    } catch (cause) {
      throw new VouchsafeError("CONFIG_MALFORMED", "package.json is no JSON", { cause })
    }
  }
  return tableOf(PNPM, membersOf(manifest["pnpm"])).map((setting) => ({ ...setting, name: `pnpm.${setting.name}` }))
}

/** Sorted by key, so that order alone is no difference. */
function textOf(value: unknown): string {
  if (value === undefined) return "(not set)"
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "object" && part !== null && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part))
}
