import { currentRun } from "./archive.ts"

interface NetworkRequest {
  readonly target: string | URL
}
interface NetworkResponse {
  readonly body: unknown
}
type Execute = () => Promise<NetworkResponse>

/** Judges each tarball that arrives on behalf of a guarded fetch, before Yarn makes an archive of it. */
export function wrapNetworkRequest(execute: Execute, { target }: NetworkRequest): Promise<Execute> {
  return Promise.resolve(async () => {
    const response = await execute()
    const run = currentRun()
    if (run !== undefined && response.body instanceof Uint8Array && run.isTarball(String(target))) await run.judgeTarball(response.body)
    return response
  })
}
