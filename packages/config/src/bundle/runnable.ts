import { basename } from "node:path"
import type { RenderPlugin } from "./tsup.ts"

const HASHBANG = "#!/usr/bin/env node\n"
const MODE_RUNNABLE = 0o755

/** Makes every file named `bin` one that a shell can start: its first line, and its mode. */
export function runnableBins(): RenderPlugin {
  return {
    name: "vouchsafe-runnable",
    renderChunk(code, chunk) {
      if (chunk.type !== "chunk" || !/^bin\.m?js$/.test(basename(chunk.path))) return undefined
      chunk.mode = MODE_RUNNABLE
      return code.startsWith(HASHBANG) ? undefined : { code: `${HASHBANG}${code}` }
    },
  }
}
