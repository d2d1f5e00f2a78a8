/**
 * The process `vouchsafe-shim`: settings in, JSON lines out (packages/spec/shim.md).
 *
 * @packageDocumentation
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type ChunkSource, httpSource } from "@vouchsafe/artifacts"
import type { CheckResult } from "@vouchsafe/client"
import { escapeForDisplay, isRegistryId, isVouchsafeError, type Roster, VouchsafeError } from "@vouchsafe/core"
import { cacheDirectory, commonestDigests, findDaemonSocket, httpTransport, loadNpmConfig, type NpmRegistries, openProject, type RegistryMap, registryLookup, systemClock } from "@vouchsafe/client/node"
import { configuredAgents } from "./agents.ts"
import { type Shim, startShim } from "./server.ts"
import type { Registries, ShimEvent } from "./types.ts"

export interface MainIo {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  /** Resolves when the process is told to end. */
  readonly ended: Promise<void>
}

const EXIT_DONE = 0
const EXIT_USAGE = 2
const EXIT_WORLD = 3
const TOKEN_VARIABLE = "VOUCHSAFE_SHIM_TOKEN"
const SCOPE = /^@[^/:\s]+$/

interface Settings { readonly project: string; readonly host: string; readonly port: number; readonly map: RegistryMap | undefined; readonly exitWithStdin: boolean; readonly token: string }

/**
 * Runs the shim until it is told to end.
 *
 * @returns the exit status: 0 ended as told, 2 wrong usage or configuration, 3 the world failed
 */
export async function main(io: MainIo): Promise<number> {
  const emit = (event: ShimEvent): void => { io.stdout.write(`${JSON.stringify(event)}\n`) }
  try {
    const settings = readSettings(io)
    const shim = await open(settings, io.env, emit)
    emit({ event: "ready", port: shim.port, url: shim.url })
    await (settings.exitWithStdin ? Promise.race([io.ended, endOf(io.stdin)]) : io.ended)
    emit({ event: "summary", ...shim.counts() })
    await shim.close()
    return EXIT_DONE
  } catch (error) {
    io.stderr.write(`vouchsafe-shim: ${escapeForDisplay(error instanceof Error ? error.message : String(error))}\n`)
    if (isVouchsafeError(error) && error.hint !== undefined) io.stderr.write(`  ${escapeForDisplay(error.hint)}\n`)
    return isVouchsafeError(error) && error.kind === "operational" ? EXIT_WORLD : EXIT_USAGE
  }
}

async function open({ project: dir, host, port, map, token }: Settings, env: MainIo["env"], emit: (event: ShimEvent) => void): Promise<Shim> {
  const npm = await loadNpmConfig({ dir, env })
  const registries = registriesOf(npm, map)
  const project = await openProject({ dir, env, registries: npm })
  const exotic = project.policy.rules.get("EXOTIC_SOURCE") ?? "deny"
  return startShim({
    registries, token, host, port, emit, clock: systemClock,
    agents: configuredAgents({ raw: npm.raw, env }),
    cacheDir: join(cacheDirectory(env, project.roster.lineage), "shim"),
    check: (requests) => project.check(requests),
    nodes: { sources: sourcesOf(project.roster, env), registries: new Set(project.roster.registries), observed: async (artifacts) => observedIn(await project.check(artifacts)) },
    ...(exotic === "deny" ? { exoticCode: "EXOTIC_SOURCE" } : {}),
  })
}

/** The digests that most operators observed; those of the project's lock come first, and need nobody. */
function observedIn({ evidence, lock }: CheckResult): ReadonlyMap<string, string> {
  return new Map([...commonestDigests(evidence), ...[...lock?.facts ?? []].map(([key, { sha512 }]) => [key, sha512] as const)])
}

/** The person's own node, where one runs, and the roster's. */
function sourcesOf({ nodes }: Roster, env: MainIo["env"]): ChunkSource[] {
  const transport = httpTransport()
  const { path } = findDaemonSocket(env)
  const own = path === undefined ? [] : [httpSource({ name: "own node", url: "http://localhost/", transport, socketPath: path })]
  return [...own, ...nodes.map(({ operator, url }) => httpSource({ name: operator, url, transport }))]
}

/** What npm's files say, or the map that whoever starts us has from another manager's settings. Credentials are npm's in any case. */
export function registriesOf(npm: NpmRegistries, map: RegistryMap | undefined): Registries {
  return map === undefined ? npm : { ...map, registryFor: registryLookup(map), credentialsFor: npm.credentialsFor }
}

function readSettings({ argv, env }: MainIo): Settings {
  const { values } = parse(argv)
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(values.listen) ?? []
  if (host === undefined || port === undefined) throw new VouchsafeError("USAGE", `--listen is ${JSON.stringify(values.listen)}, expected host:port`, { hint: "for example 127.0.0.1:0" })
  if (values.project === undefined) throw new VouchsafeError("USAGE", "--project is missing, expected the folder of the project")
  const token = env[TOKEN_VARIABLE]
  if (token === undefined) throw new VouchsafeError("USAGE", `the variable ${TOKEN_VARIABLE} is missing, expected at least 128 random bits`, { hint: "`vouchsafe run` and `vouchsafe shim` set it" })
  return { project: values.project, host: host.replace(/^\[|\]$/g, ""), port: Number(port), map: values.registries === undefined ? undefined : readMap(values.registries), exitWithStdin: values["exit-with-stdin"], token }
}

/** `{"default": registry id, "scopes": {"@scope": registry id}}` */
function readMap(text: string): RegistryMap {
  const refuse = (cause?: unknown): VouchsafeError => new VouchsafeError("USAGE", "--registries is not of the form {\"default\": URL, \"scopes\": {\"@scope\": URL}}, with registry ids", { cause })
  let map: Partial<RegistryMap> | null
  try {
    map = JSON.parse(text) as Partial<RegistryMap> | null
  } catch (cause) {
    throw refuse(cause)
  }
  const { default: main, scopes } = map ?? {}
  if (typeof main !== "string" || !isRegistryId(main) || typeof scopes !== "object" || scopes === null) throw refuse()
  for (const [scope, registry] of Object.entries(scopes)) if (!SCOPE.test(scope) || typeof registry !== "string" || !isRegistryId(registry)) throw refuse()
  return { default: main, scopes }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv], strict: true,
      options: {
        project: { type: "string" }, listen: { type: "string", default: "127.0.0.1:0" },
        registries: { type: "string" }, "exit-with-stdin": { type: "boolean", default: false },
      },
    })
  } catch (cause) {
    throw new VouchsafeError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function endOf(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on("end", () => resolve()).on("close", () => resolve()).on("error", () => resolve())
    stream.resume()
  })
}
