import { type Bytes, isVouchsafeError, type TileReader, TILE_WIDTH, tilePath, VouchsafeError } from "@vouchsafe/core"
import type { Context } from "./context.ts"
import { TILE_BYTES_MAX } from "./limits.ts"

/** Reads a log's tiles over HTTP, within the check's budget. `base` is the log's URL. Errors are those of the transport, or NOT_FOUND. */
export function httpTiles(context: Context, base: string): TileReader {
  const get = async (path: string): Promise<Bytes> => {
    const { status, body } = await context.options.transport.request({
      method: "GET", url: `${base}${path}`, timeoutMs: context.budget.forRequest().timeoutMs, maxBytes: TILE_BYTES_MAX,
      ...(context.budget.signal === undefined ? {} : { signal: context.budget.signal }),
    })
    if (status !== 200) throw new VouchsafeError("NOT_FOUND", `${base}${path} answered ${status}, expected 200`)
    return body
  }
  return {
    async tile(level, index, width) {
      if (width === TILE_WIDTH) return get(tilePath(level, index))
      try {
        return await get(tilePath(level, index, width))
      } catch (error) {
        // Logs may drop a partial tile once the full one exists (C2SP tlog-tiles).
        if (!isVouchsafeError(error, "NOT_FOUND")) throw error
        return get(tilePath(level, index))
      }
    },
  }
}
