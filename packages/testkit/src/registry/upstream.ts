import { createHash } from "node:crypto"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

/** An answer of the upstream registry as kept. */
export interface UpstreamAnswer { readonly status: number; readonly contentType: string; readonly body: Buffer }

export interface Upstream { get(path: string): Promise<UpstreamAnswer> }

/** GETs below `base`, each asked once; with `cacheDir` once per folder. Errors of the network are thrown. */
export function createUpstream(base: string, cacheDir: string | undefined): Upstream {
  const inFlight = new Map<string, Promise<UpstreamAnswer>>()
  const load = async (path: string): Promise<UpstreamAnswer> => {
    const file = cacheDir === undefined ? undefined : join(cacheDir, createHash("sha256").update(`${base} ${path}`).digest("hex"))
    const kept = file === undefined ? undefined : await readKept(file)
    if (kept) return kept
    const response = await fetch(`${base}${path}`, { headers: { accept: "application/json, */*" } })
    const answer = { status: response.status, contentType: response.headers.get("content-type") ?? "application/octet-stream", body: Buffer.from(await response.arrayBuffer()) }
    if (file !== undefined && answer.status === 200) {
      await mkdir(cacheDir as string, { recursive: true })
      await writeFile(`${file}.body`, answer.body)
      await writeFile(file, JSON.stringify({ status: answer.status, contentType: answer.contentType, bytes: answer.body.length }))
    }
    return answer
  }
  return {
    get(path) {
      const known = inFlight.get(path)
      if (known) return known
      const started = load(path)
      inFlight.set(path, started)
      // a failure is not kept: the next request tries again
      started.catch(() => inFlight.delete(path))
      return started
    },
  }
}

async function readKept(file: string): Promise<UpstreamAnswer | undefined> {
  try {
    const about = JSON.parse(await readFile(file, "utf8")) as { status: number; contentType: string; bytes: number }
    const body = await readFile(`${file}.body`)
    return body.length === about.bytes ? { status: about.status, contentType: about.contentType, body } : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}
