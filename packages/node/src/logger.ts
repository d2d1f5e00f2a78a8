import { escapeForDisplay } from "@vouchsafe/core"
import { pino, type DestinationStream } from "pino"

/** The part of the logger that this package uses. */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Names of levels that `--log-level` takes. */
export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What `--log-format` takes: JSON lines, or lines for people. */
export const LOG_FORMATS = ["json", "pretty"] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Secrets shorter than this are not searched for: they would hit ordinary words. */
const SECRET_LENGTH_MIN = 6

// C1 controls, invisible and bidirectional characters; JSON itself escapes C0. Lone surrogates are escaped by JSON too.
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** What a logger is made of. */
export interface LoggerOptions {
  readonly level: LogLevel
  /** JSON by default. */
  readonly format?: LogFormat
  /** Where whole lines go; standard error by default. */
  readonly write?: (line: string) => void
  /** Values that must never be written: credentials of registries. */
  readonly secrets?: readonly string[]
}

/**
 * Makes a logger that writes one line of JSON per event to standard error.
 * The last step before the stream removes secrets and escapes what could turn a terminal's text around: whatever a line
 * repeats of a registry's words, it stays data.
 */
export function createLogger(options: LoggerOptions): Logger {
  const secrets = (options.secrets ?? []).filter((secret) => secret.length >= SECRET_LENGTH_MIN).flatMap(spellings)
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  const destination: DestinationStream = {
    write(line) {
      let safe = line
      for (const secret of secrets) safe = safe.replaceAll(secret, "[credential]")
      safe = safe.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
      write(options.format === "pretty" ? prettyLine(safe) : safe)
    },
  }
  const log = pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } }, destination)
  return {
    debug: (facts, message) => log.debug(facts, message),
    info: (facts, message) => log.info(facts, message),
    warn: (facts, message) => log.warn(facts, message),
    error: (facts, message) => log.error(facts, message),
  }
}

/** A secret as it is, and as it stands inside a JSON string where that differs: the longer spelling first. */
function spellings(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1)
  return inJson === secret ? [secret] : [inJson, secret]
}

/** A line for people: time, level, message, then the facts as JSON. What is foreign in it stays escaped. */
function prettyLine(line: string): string {
  const { level, time, msg, ...facts } = JSON.parse(line) as { level: string; time: string; msg: string }
  const rest = Object.entries(facts).map(([name, value]) => ` ${name}=${escapeForDisplay(JSON.stringify(value))}`).join("")
  return `${time} ${level.toUpperCase().padEnd(5)} ${escapeForDisplay(msg)}${rest}\n`
}
