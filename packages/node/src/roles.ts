/**
 * Which of a node's roles are on. Its two logs always are: what stands in them is served, kept cosigned, and can be withdrawn (spec/node-http.md, "Roles").
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { NodeConfig } from "./config/checked.ts"
import { refusal } from "./http/answer.ts"
import type { Route } from "./http/router.ts"
import type { OwnRoster } from "./state/roster.ts"

export interface Roles {
  /** Says something new about packages. */
  readonly attester: boolean
  /** Cosigns the logs of the roster's nodes. */
  readonly witness: boolean
}

export const ALL_ROLES: Roles = { attester: true, witness: true }

/** What each role answers. */
const PATHS: Readonly<Record<keyof Roles, readonly string[]>> = {
  attester: ["/v1/releases", "/v1/lockset", "/v1/builds", "/v1/recheck"],
  witness: ["/witness/add-checkpoint", "/witness/"],
}
const SAYS: Readonly<Record<keyof Roles, string>> = {
  attester: "this node's attester is off: it says nothing new about packages",
  witness: "this node's witness is off: it cosigns nothing",
}
export const ATTESTER_OFF = SAYS.attester

/** @throws VouchsafeError CONFIG_MALFORMED for roles that cannot be off. */
export function rolesOf({ attester = true, witness = true, rebuild }: Pick<NodeConfig, "attester" | "witness" | "rebuild">, { roster }: Pick<OwnRoster, "roster">): Roles {
  if (!attester && rebuild) throw new VouchsafeError("CONFIG_MALFORMED", "attester is off and rebuild is on, expected one of the two: a rebuild is logged by the attester", { hint: "leave --rebuild out, or the attester on" })
  if (!witness && roster.singleOperator) throw new VouchsafeError("CONFIG_MALFORMED", "witness is off in a roster of one operator, expected it on: nobody else cosigns this node's logs", { hint: "leave the witness on, or name a roster of several operators" })
  return { attester, witness }
}

/** Routes of roles that are off refuse. */
export function withRoles(roles: Roles, routes: readonly Route[]): Route[] {
  const off = (Object.keys(PATHS) as (keyof Roles)[]).filter((role) => !roles[role])
  return routes.map((route) => {
    const role = off.find((one) => PATHS[one].includes(route.path))
    if (role === undefined) return route
    const refuse = () => refusal("NOT_ALLOWED", SAYS[role], "ask another node of the roster")
    return { path: route.path, ...(route.get === undefined ? {} : { get: refuse }), ...(route.post === undefined ? {} : { post: refuse }) }
  })
}
