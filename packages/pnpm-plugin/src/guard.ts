import type { ArtifactRequest, Finding, Policy, Verdict } from "@vouchsafe/core"
import { type Answer, answerOf, answerOfError } from "./answer.ts"
import { type Batcher, type Check, createBatcher, HOOK_BUDGET_MS } from "./batch.ts"
import { localVerdict, weigh } from "@vouchsafe/client"
import { linksOf, mapPackage, type Mapped, type MappingContext, registryIn } from "./resolution.ts"
import type { Lockfile, PackageId, PackageManifest, Resolution, ResolutionContext, WantedDependency } from "./types.ts"

/** The project whose policy decides. */
export interface Project {
  readonly policy: Policy
  readonly check: Check
  /** As {@link MappingContext} has it; used only where pnpm does not say which registry it uses. */
  readonly registryFor: MappingContext["registryFor"]
}

export interface GuardParts {
  /** Opens the project that `lockfileDir`, or the working folder, belongs to. */
  readonly open: (lockfileDir: string | undefined) => Promise<Project>
  /** Tells whether `path`, seen from `from` below a lockfile's folder, lies inside the workspace. */
  readonly isInside: (lockfileDir: string | undefined, from: string, path: string) => boolean
  readonly defer: (callback: () => void) => void
  readonly nowMs: () => number
  readonly warn: (verdicts: readonly Verdict[]) => void
}

/** One method a hook. Each answers; none throws. */
export interface Guard {
  preResolution(context: ResolutionContext): Promise<Answer>
  /** A lockfile that pnpm hands to no hook, in the time that a hook of pnpm 12 has. */
  unseenLockfile(context: ResolutionContext): Promise<Answer>
  readPackage(manifest: PackageManifest): Promise<Answer>
  /** For a URL or a repository: pnpm 12 gets those, and links them, before any other hook sees them. */
  canResolve(wanted: WantedDependency): Promise<Answer>
  /** By pnpm's own id of the package, or by its name and version: the fetcher of pnpm 10 is told these. */
  canFetch(id: PackageId, resolution: Resolution): Promise<Answer>
  afterAllResolved(lockfile: Lockfile): Promise<Answer>
}

/** How one package gets its verdict. */
type Step =
  | { readonly verdict: Verdict }
  | { readonly request: ArtifactRequest, readonly finding: Finding | undefined }

/** Hooks have a limit of their own; a shorter one of the policy counts. */
function withinPolicy({ check, policy }: Project): Check {
  return (requests, { budgetMs }) => check(requests, { budgetMs: Math.min(budgetMs, policy.budgetMs) })
}

/** Keeps what a run of pnpm has told so far, and asks nothing twice. */
export function createGuard(parts: GuardParts): Guard {
  const refused = new Map<string, Verdict>()
  const lockfileDirs = new Set<string | undefined>()
  let registries: Readonly<Record<string, string>> = {}
  let opened: Promise<{ readonly project: Project, readonly batcher: Batcher }> | undefined

  function open(): Promise<{ readonly project: Project, readonly batcher: Batcher }> {
    const [lockfileDir] = lockfileDirs
    opened ??= parts.open(lockfileDir).then((project) => ({ project, batcher: createBatcher({ ...parts, check: withinPolicy(project) }) }))
    return opened
  }

  async function contextFor(dirs: Iterable<string | undefined>): Promise<MappingContext> {
    const { project } = await open()
    const known = [...dirs]
    return {
      registryFor: (name, version, tarball) => registryIn(registries, name) ?? project.registryFor(name, version, tarball),
      isInside: (from, path) => (known.length === 0 ? [undefined] : known).some((dir) => parts.isInside(dir, from, path)),
    }
  }

  /** @param budgetMsMax - for a round of its own; without one, the questions go with others */
  async function judge(mapped: readonly Mapped[], budgetMsMax?: number): Promise<readonly Verdict[]> {
    const { project, batcher } = await open()
    const now = Math.floor(parts.nowMs() / 1_000)
    const steps = mapped.flatMap((item) => stepOf(item, project.policy, now))
    const requests = steps.flatMap((step) => ("request" in step ? [step.request] : []))
    const answers = budgetMsMax === undefined
      ? await Promise.all(requests.map((request) => batcher.ask(request)))
      : await batcher.askAll(requests, Math.min(budgetMsMax, project.policy.budgetMs))
    const queue = answers.values()
    const verdicts = steps.map((step) => {
      if ("verdict" in step) return step.verdict
      const verdict = queue.next().value as Verdict
      return step.finding === undefined ? verdict : { ...verdict, findings: [...verdict.findings, step.finding] }
    })
    parts.warn(verdicts)
    for (const verdict of verdicts) if (!verdict.ok) refused.set(verdict.purl, verdict)
    return verdicts
  }

  async function judgeLockfile(lockfile: Lockfile | undefined, context: MappingContext, budgetMsMax: number): Promise<readonly Verdict[]> {
    const packages = Object.entries(lockfile?.packages ?? {}).map(([id, locked]) => mapPackage(id, locked.resolution, context))
    return judge([...packages, ...linksOf(lockfile, context)], budgetMsMax)
  }

  const judgeOne = (id: string, resolution: Resolution): Promise<Answer> =>
    answering("registry", async () => judge([mapPackage(id, resolution, await contextFor(lockfileDirs))]))

  const judgeWanted = (given: ResolutionContext, budgetMsMax: number): Promise<Answer> => answering("lockfile", async () => {
    registries = given.registries ?? registries
    lockfileDirs.add(given.lockfileDir)
    return judgeLockfile(given.wantedLockfile, await contextFor([given.lockfileDir]), budgetMsMax)
  })

  return {
    // Seen to be waited for longer than any budget: the policy's counts.
    preResolution: (given) => judgeWanted(given, Number.POSITIVE_INFINITY),
    unseenLockfile: (given) => judgeWanted(given, HOOK_BUDGET_MS),
    readPackage: async ({ name, version, dist }) => (dist === undefined || dist === null ? { ok: true } : judgeOne(`${String(name)}@${String(version)}`, dist)),
    canResolve: ({ alias, bareSpecifier }) => answering("registry", () => judge([{
      kind: "finding", code: "EXOTIC_SOURCE", id: `${String(alias)}@${String(bareSpecifier)}`, message: "a URL or repository instead of a version of a registry",
    }])),
    canFetch: (id, resolution) => judgeOne(idOf(id, resolution), resolution),
    afterAllResolved: (lockfile) => answering("registry", async () => {
      const verdicts = await judgeLockfile(lockfile, await contextFor(lockfileDirs), HOOK_BUDGET_MS)
      // pnpm 11 goes on without an optional dependency that a hook refused, and exits 0: it is said here.
      const named = new Set(verdicts.map(({ purl }) => purl))
      return [...verdicts, ...[...refused.values()].filter(({ purl }) => !named.has(purl))]
    }),
  }
}

/** pnpm 10 knows no name of a repository, nor of a config dependency, before it has fetched it: then where it lies is what a person is told. */
function idOf(id: PackageId, { repo, tarball }: Resolution): string {
  if (typeof id === "string") return id
  return id?.name === undefined ? String(repo ?? tarball) : `${String(id.name)}@${String(id.version)}`
}

function stepOf(item: Mapped, policy: Policy, now: number): readonly Step[] {
  if (item.kind === "own") return []
  if (item.kind === "ask") return [{ request: item.request, finding: undefined }]
  const finding = weigh(item, policy, now)
  const isFinal = item.request === undefined || finding?.severity === "deny"
  return isFinal ? [{ verdict: localVerdict(item.id, finding === undefined ? [] : [finding]) }] : [{ request: item.request, finding }]
}

async function answering(from: "lockfile" | "registry", work: () => Promise<readonly Verdict[]>): Promise<Answer> {
  try {
    return answerOf(await work(), from)
  } catch (error) {
    return answerOfError(error)
  }
}
