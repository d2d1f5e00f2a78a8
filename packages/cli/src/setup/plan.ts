import { parsePolicy, POLICY_FORMAT, VouchsafeError } from "@vouchsafe/core"
import policySchema from "@vouchsafe/spec/schemas/policy.schema.json" with { type: "json" }
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { type PlannedFile, readIfPresent } from "./files.ts"
import { hasConfigDependency, isYarnClassic, type Manager } from "./managers.ts"
import { withPlugin, YARN_PLUGIN_PATH } from "./yarnrc.ts"

export const POLICY_NAME = "vouchsafe.json"
export const ROSTER_NAME = "vouchsafe.roster.json"
/** Beside the guard that pnpm's hook loads. */
const SCHEMA_PATH = ".vouchsafe/policy.schema.json"

/** Reads a file of a package that comes with this one. Tests give another. */
export type Shipped = (packageName: string, file: string) => Uint8Array

/** @throws VouchsafeError NOT_FOUND. */
export const shipped: Shipped = (packageName, file) => {
  try {
    return readFileSync(join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), file))
  } catch (cause) {
    throw new VouchsafeError("NOT_FOUND", `${packageName} with ${file} is not installed beside vouchsafe`, { cause, hint: "install vouchsafe again, with its dependencies" })
  }
}

/** The policy that a new project gets: everything at its default. */
export function policyFile(root: string): PlannedFile {
  return {
    path: join(root, POLICY_NAME), why: "the rules; everything at its default", place: "shared",
    content: `${JSON.stringify({ $schema: `./${SCHEMA_PATH}`, format: POLICY_FORMAT, roster: `./${ROSTER_NAME}` }, null, 2)}\n`,
  }
}

/** Tells whether a policy has its completion from the file that `init` writes. */
export function namesSchema(policyText: string): boolean {
  return policyText.includes(SCHEMA_PATH)
}

/** What the policy's `$schema` names: editors complete and check it with this, without a network and whether or not vouchsafe is a dependency. */
export function schemaFile(root: string): PlannedFile {
  return { path: join(root, SCHEMA_PATH), why: `completion of ${POLICY_NAME} in editors`, place: "own", content: `${JSON.stringify(policySchema, null, 2)}\n` }
}

/** Where a project's roster is: beside its policy, or where that says. @throws VouchsafeError CONFIG_MALFORMED for a policy that cannot be read. */
export function rosterPath(root: string): string {
  const policy = readIfPresent(join(root, POLICY_NAME))
  return policy === undefined ? join(root, ROSTER_NAME) : resolve(root, parsePolicy(policy).roster)
}

export function rosterFile(path: string, content: string): PlannedFile {
  return { path, content, why: "who is trusted; review every change of it", place: "shared" }
}

/** The files that guard a manager's installs in this project; none where a config dependency does, or where there are no hooks. */
export function guardFiles(root: string, manager: Manager, read: Shipped = shipped): PlannedFile[] {
  if (manager === "pnpm") return hasConfigDependency(root) ? [] : pnpmFiles(root, read)
  return manager === "yarn" && !isYarnClassic(root) ? yarnFiles(root, read) : []
}

export function pnpmFiles(root: string, read: Shipped = shipped): PlannedFile[] {
  return [
    { path: join(root, ".pnpmfile.cjs"), content: read("pnpm-plugin-vouchsafe", "pnpmfile.cjs"), why: "pnpm's hook; tiny, never changes", place: "shared" },
    { path: join(root, ".vouchsafe/core.mjs"), content: read("pnpm-plugin-vouchsafe", "dist/core.mjs"), why: "the check that pnpm's hook loads", place: "own" },
  ]
}

export function yarnFiles(root: string, read: Shipped = shipped): PlannedFile[] {
  return [
    { path: join(root, YARN_PLUGIN_PATH), content: read("@vouchsafe/yarn-plugin", "dist/yarn-plugin.cjs"), why: "Yarn's plugin", place: "own" },
    { path: join(root, ".yarnrc.yml"), content: withPlugin(readIfPresent(join(root, ".yarnrc.yml")) ?? ""), why: "names the plugin", place: "edited" },
  ]
}
