/**
 * `<data>/peers.json`: peers known from before, so that a restart does not depend on any one of them (spec/peers.md, "Known peers").
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import type { formatKnownPeers, KnownPeers, parseKnownPeers } from "@vouchsafe/p2p"
import { existsSync, readFileSync, statSync } from "node:fs"
import type { Logger } from "../logger.ts"
import { writeFileWhole } from "../state/folder.ts"
import { KNOWN_FILE_BYTES_MAX } from "./limits.ts"

const FILE_MODE = 0o600

/** How the document is read and written: p2p's, which is loaded late. */
export interface KnownForm {
  readonly format: typeof formatKnownPeers
  readonly parse: typeof parseKnownPeers
}

/** Keeps known peers in a file. What cannot be read or written is said and not missed: the roster's nodes are asked as well. */
export function knownFile(path: string, form: KnownForm, logger: Logger): KnownPeers {
  let written = ""
  return {
    load() {
      try {
        if (!existsSync(path)) return Promise.resolve([])
        if (statSync(path).size > KNOWN_FILE_BYTES_MAX) throw new Error(`has more than ${KNOWN_FILE_BYTES_MAX} bytes`)
        return Promise.resolve(form.parse(readFileSync(path, "utf8"), path))
      } catch (error) {
        logger.warn({ path, code: isVouchsafeError(error) ? error.code : undefined }, `known peers are not read: ${error instanceof Error ? error.message : "unknown"}`)
        return Promise.resolve([])
      }
    },
    save(peers) {
      const text = form.format(peers)
      if (text === written) return Promise.resolve()
      try {
        writeFileWhole(path, text, FILE_MODE)
        written = text
      } catch (error) {
        logger.warn({ path }, `known peers are not written: ${error instanceof Error ? error.message : "unknown"}`)
      }
      return Promise.resolve()
    },
  }
}
