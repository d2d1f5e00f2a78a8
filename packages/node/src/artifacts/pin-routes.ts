/**
 * Pins over the admin socket (spec/artifacts.md, "HTTP").
 *
 * @packageDocumentation
 */
import type { Pin } from "@vouchsafe/artifacts"
import { HEX_SHA512, isVouchsafeError, parseJson, shapeReader, utf8Encode } from "@vouchsafe/core"
import { jsonAnswer, textAnswer } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { describe } from "../http/server.ts"
import { withJson } from "../routes/exchange.ts"
import { PIN_BODY_BYTES_MAX, PIN_HEARTBEAT_MS, PINS_CONCURRENT_MAX, PINS_PER_REQUEST_MAX } from "./limits.ts"
import { type PinningOptions, pinOne } from "./pinning.ts"

const PINS_FORMAT = "vouchsafe-pins/v1"
/** Longest name or registry, in characters. */
const TEXT_LENGTH_MAX = 1_000
const read = shapeReader("REQUEST_MALFORMED", "pin request")

/** Reads `{"artifacts":[{"purl","registry","sha512"}]}`. @throws VouchsafeError REQUEST_MALFORMED. */
export function parsePins(text: string): Pin[] {
  const document = read.object(parseJson("REQUEST_MALFORMED", "pin request", text), "document", ["artifacts"])
  return read.array(document["artifacts"], "artifacts", PINS_PER_REQUEST_MAX).map((value, i) => {
    const at = `artifacts[${i}]`
    const pin = read.object(value, at, ["purl", "registry", "sha512"])
    return {
      purl: read.pattern(pin["purl"], `${at}.purl`, /^pkg:npm\/[\x21-\x7e]{1,900}$/, "the purl of an npm package"),
      registry: read.string(pin["registry"], `${at}.registry`, TEXT_LENGTH_MAX),
      sha512: read.pattern(pin["sha512"], `${at}.sha512`, HEX_SHA512, "128 lower-case hex digits"),
    }
  })
}

/** @returns the routes of the admin socket. */
export function pinRoutes(options: PinningOptions): Route[] {
  const { store } = options
  return [
    {
      path: "/v1/pin",
      post: withJson(PIN_BODY_BYTES_MAX, (text, { signal }) => Promise.resolve({ ...textAnswer(200, "", { "content-type": "application/x-ndjson" }), stream: pinAll(options, parsePins(text), signal) })),
    },
    { path: "/v1/pins", get: () => jsonAnswer(200, { format: PINS_FORMAT, pins: store.pins() }) },
    { path: "/v1/unpin", post: withJson(PIN_BODY_BYTES_MAX, async (text) => jsonAnswer(200, { unpinned: await store.unpin(parsePins(text)) })) },
  ]
}

/** Several at once; a line for each as it ends. One that fails ends no other. */
async function* pinAll(options: PinningOptions, pins: readonly Pin[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const line = (document: object): Uint8Array => utf8Encode(`${JSON.stringify(document)}\n`)
  const queue = [...pins]
  const lines: Uint8Array[] = []
  const counts = { pinned: 0, failed: 0 }
  let wake = (): void => undefined
  const work = async (): Promise<void> => {
    for (let pin = queue.shift(); pin !== undefined && !signal.aborted; pin = queue.shift()) {
      const told = await outcomeOf(options, pin, signal)
      counts["pinned" in told ? "pinned" : "failed"] += 1
      lines.push(line(told))
      wake()
    }
  }
  let isOver = false
  const all = Promise.all(Array.from({ length: Math.min(PINS_CONCURRENT_MAX, pins.length) }, work)).then(() => { isOver = true; wake() })
  while (!isOver || lines.length > 0) {
    yield* lines.splice(0)
    if (isOver) continue
    const moved = new Promise<void>((resolve) => { wake = resolve })
    const cancel = options.timers.after(PIN_HEARTBEAT_MS, () => {
      lines.push(line({ working: pins.length - counts.pinned - counts.failed }))
      wake()
    })
    if (lines.length === 0 && !isOver) await moved
    cancel()
  }
  await all
  yield line({ done: counts })
}

async function outcomeOf(options: PinningOptions, pin: Pin, signal: AbortSignal): Promise<object> {
  try {
    const { size, from } = await pinOne(options, pin, signal)
    return { pinned: { ...pin, size, from } }
  } catch (error) {
    if (!isVouchsafeError(error)) options.logger.error({ error: describe(error) }, "a pin failed")
    const { code, message } = isVouchsafeError(error) ? error : { code: "FAILED", message: "the node could not pin it; its log says why" }
    return { failed: { ...pin, code, message } }
  }
}
