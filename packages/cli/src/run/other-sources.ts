import type { LockfileFinding } from "@vouchsafe/client/lockfile"
import { parseJson } from "@vouchsafe/core"
import { join } from "node:path"
import { membersOf } from "../base/settings.ts"
import { type GuardedCommand, takesValue } from "./command.ts"
import { readIfThere } from "./registries.ts"

/** Repositories, URLs and their short forms, behind a name or not: managers fetch these past every registry. Folders and files are the person's own. */
const REMOTE = /^(?:(?:@[^/@]+\/)?[^/@:]+@)?(?:https?:|git[+@:]|ssh:|github:|gitlab:|bitbucket:|gist:|[^@:/\s.~-][^@:/\s]*\/[^@:/\s#]+(?:#.*)?$)/i
const NAMING = new Set(["install", "i", "in", "ins", "inst", "isntall", "add", "link", "ln", "update", "up", "upgrade", "install-test", "it"])
const REMOVING = new Set(["uninstall", "unlink", "remove", "rm", "r", "un"])
const FIELDS = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const
const PACKAGE = /^(?:--package|-p)(?:=(.*))?$/s

/** What a command line itself names that no registry holds. No lockfile has it yet, and where it is run at once none ever will. */
export function otherSources(command: GuardedCommand): LockfileFinding[] {
  const { manager, args, isElsewhere } = command
  if (manager !== "npm" && manager !== "pnpm") return []
  const own = args.includes("--") && !isElsewhere ? args.slice(0, args.indexOf("--")) : args
  return wordsOf(own, command).filter((word) => REMOTE.test(word)).map((word) => elsewhere(word, word, false))
}

/**
 * What npm's project itself asks for that no registry holds. npm would fetch it, and run a repository's scripts, before any lockfile shows it.
 * Of members, and of packages, what comes out of a repository is refused by the program that npm is given in place of git.
 *
 * @throws VouchsafeError CONFIG_MALFORMED
 */
export function sourcesInManifest({ manager, dir, verb }: GuardedCommand): LockfileFinding[] {
  const text = manager !== "npm" || REMOVING.has(verb) ? "" : readIfThere(join(dir, "package.json"))
  if (text === "") return []
  const manifest = parseJson("CONFIG_MALFORMED", `${dir}: package.json`, text.replace(/^\ufeff/, ""))
  const found = new Map(FIELDS.flatMap((field) => Object.entries(membersOf(membersOf(manifest)[field])).flatMap(([name, spec]): [string, LockfileFinding][] =>
    (typeof spec === "string" && REMOTE.test(spec) ? [[name, elsewhere(name, spec, field === "optionalDependencies")]] : []))))
  return [...found.values()]
}

function elsewhere(name: string, spec: string, optional: boolean): LockfileFinding {
  return {
    code: "EXOTIC_SOURCE", severity: "deny", saidBy: [], where: spec, name, version: "", optional,
    message: `${JSON.stringify(spec)} comes from a repository or URL: no registry release that anybody attested`, hint: "use a registry release of it; or, for all such sources, set the rule EXOTIC_SOURCE in vouchsafe.json",
  }
}

function wordsOf(args: readonly string[], { manager, verb, isElsewhere }: GuardedCommand): readonly string[] {
  const packages = args.flatMap((arg, i) => {
    const [whole, value = args[i + 1] ?? ""] = PACKAGE.exec(arg) ?? []
    return whole === undefined ? [] : [value]
  })
  const rest = args.slice(args.indexOf(verb) + 1)
  const words = rest.flatMap((arg, i) => arg.startsWith("-") || takesValue(rest[i - 1] ?? "", manager) ? [] : [{ arg, isSure: !(rest[i - 1] ?? "").startsWith("-") }])
  if (!isElsewhere) return NAMING.has(verb) ? words.map(({ arg }) => arg) : []
  if (packages.length > 0) return packages
  // up to the command that is started: the rest is that one's business, and a word after a flag may be the flag's value
  const end = words.findIndex(({ isSure }) => isSure)
  return words.slice(0, end < 0 ? words.length : end + 1).map(({ arg }) => arg)
}
