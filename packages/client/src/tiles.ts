import { type TileReader, tilesFrom, VouchsafeError } from "@vouchsafe/core"
import type { Context } from "./context.ts"
import { TILE_BYTES_MAX } from "./limits.ts"

/** Reads a log's tiles over HTTP, within the check's budget. `base` is the log's URL. Errors are those of the transport, or NOT_FOUND. */
export function httpTiles(context: Context, base: string): TileReader {
  return tilesFrom(async (path) => {
    const { status, body } = await context.options.transport.request({
      method: "GET", url: `${base}${path}`, timeoutMs: context.budget.forRequest().timeoutMs, maxBytes: TILE_BYTES_MAX,
      ...(context.budget.signal === undefined ? {} : { signal: context.budget.signal }),
    })
    if (status !== 200) throw new VouchsafeError("NOT_FOUND", `${base}${path} answered ${status}, expected 200`)
    return body
  })
}
