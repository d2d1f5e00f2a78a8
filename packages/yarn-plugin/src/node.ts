import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import { warnUncovered } from "@vouchsafe/client"
import { CONFIG_NAME, nodeCrypto, openProject, systemClock, type NpmRegistries } from "@vouchsafe/client/node"
import { createJudge, type Judge } from "./judge.ts"
import { openTies } from "./ties.ts"
import { npath, type Project } from "./yarn.ts"

const judges = new Map<string, Promise<Judge>>()

/** The judge of a Yarn project; one for each in a process. */
export function judgeFor(project: Project): Promise<Judge> {
  const cwd = npath.fromPortablePath(project.cwd)
  const known = judges.get(cwd)
  if (known !== undefined) return known
  const judge = open(cwd)
  judges.set(cwd, judge)
  return judge
}

async function open(cwd: string): Promise<Judge> {
  const { check, policy, roster, stateDir } = await openProject({ dir: policyFolder(cwd), env: process.env, registries: REGISTRIES })
  return createJudge({
    policy, crypto: nodeCrypto, registries: roster.registries, ties: openTies(join(stateDir, "archives")), nowMs: systemClock.nowMs,
    check: async (requests, options) => warnUncovered(await check(requests, options)),
  }, (callback) => void setImmediate(callback))
}

/** `yarn dlx` works in a project of its own in a temporary folder: then the folder that it is called in counts. */
function policyFolder(cwd: string): string {
  const here = process.cwd()
  return hasPolicy(cwd) ? cwd : here
}

function hasPolicy(folder: string): boolean {
  for (let dir = folder; ; dir = dirname(dir)) {
    if (existsSync(join(dir, CONFIG_NAME))) return true
    if (dir === dirname(dir)) return false
  }
}

/** Yarn has registries of its own; whoever asks npm's configuration here has taken a wrong turn. */
const REGISTRIES: NpmRegistries = {
  default: "", scopes: {}, userConfigPath: "",
  registryFor: (name) => { throw new VouchsafeError("CONFIG_MALFORMED", `npm's registry for ${name} was asked for inside of Yarn`) },
  credentialsFor: () => undefined,
  raw: () => undefined,
}
