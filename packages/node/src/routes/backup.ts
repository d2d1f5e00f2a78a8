/**
 * `POST /v1/backup` on the admin socket: only the process that holds the databases can copy them while they are in use.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parseJson, shapeReader, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { isAbsolute } from "node:path"
import { type BackupRequest, type BackupSource, takeBackup } from "../backup/take.ts"
import { refusal, textAnswer } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { ADMIN_BODY_BYTES_MAX } from "../limits.ts"
import type { Logger } from "../logger.ts"
import { withJson } from "./exchange.ts"

/** Longest name of a place, in characters. */
const PATH_LENGTH_MAX = 4_096
/** A line of progress after this many files: something moves on the connection long before it is idle for too long. */
const PROGRESS_FILES = 256

/** Reads the request. @throws VouchsafeError REQUEST_MALFORMED. */
export function parseBackupRequest(text: string): BackupRequest {
  const read = shapeReader("REQUEST_MALFORMED", "backup request")
  const document = read.object(parseJson("REQUEST_MALFORMED", "backup request", text), "document", ["to", "withKeys"])
  const to = read.string(document["to"], "to", PATH_LENGTH_MAX)
  if (!isAbsolute(to)) read.fail("to", "an absolute path", to)
  const { withKeys } = document
  return { to, withKeys: typeof withKeys === "boolean" ? withKeys : read.fail("withKeys", "true or false", withKeys) }
}

/** @returns the route. One backup at a time; the answer is a JSON document a line, the last one `{"done":…}` or `{"error":…}`. */
export function backupRoute(source: () => BackupSource, logger: Logger): Route {
  let running = false
  return {
    path: "/v1/backup",
    post: withJson(ADMIN_BODY_BYTES_MAX, async (text) => {
      const request = parseBackupRequest(text)
      if (running) return refusal("BUSY", "a backup is being taken", "ask again when it is done", { "retry-after": "30" })
      running = true
      const stream = lines(source(), request, logger, () => { running = false })
      return { ...textAnswer(200, "", { "content-type": "application/x-ndjson" }), stream }
    }),
  }
}

async function* lines(source: BackupSource, request: BackupRequest, logger: Logger, onEnd: () => void): AsyncGenerator<Uint8Array> {
  const line = (document: object): Uint8Array => utf8Encode(`${JSON.stringify(document)}\n`)
  let reached = 0
  let wake = (): void => undefined
  try {
    const work = takeBackup(source, request, (done) => {
      reached = done
      if (done % PROGRESS_FILES === 0) wake()
    }).then((done) => ({ done }), (error: unknown) => ({ error: told(error, logger) }))
    for (;;) {
      const moved = new Promise<undefined>((resolve) => { wake = () => resolve(undefined) })
      const ended = await Promise.race([work, moved])
      if (ended !== undefined) {
        if ("done" in ended) logger.info({ to: ended.done.to, sizes: ended.done.sizes, files: ended.done.files, withKeys: ended.done.withKeys }, "backup taken")
        yield line(ended)
        return
      }
      yield line({ files: reached })
    }
  } finally {
    onEnd()
  }
}

/** The person at the socket owns the node and may know what failed. */
function told(error: unknown, logger: Logger): object {
  const typed = isVouchsafeError(error) ? error : new VouchsafeError("DISK", error instanceof Error ? error.message : String(error), { cause: error })
  logger.error({ code: typed.code, detail: typed.message }, "the backup failed")
  return { code: typed.code, message: typed.message, ...(typed.hint === undefined ? {} : { hint: typed.hint }) }
}
