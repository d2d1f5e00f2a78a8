/**
 * Where the records of a list come from: a URL, a file, a folder; bounded in bytes, documents and records (spec/lists.md).
 *
 * @packageDocumentation
 */
import { isListUrl, type ListEntry } from "@vouchsafe/client/node"
import { isVouchsafeError, parseJson, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { readOsv } from "./osv.ts"

/** Bytes of all documents of a source. */
const BYTES_MAX = 536_870_912
/** Longest text of one document: what a string can hold with some room. */
const DOCUMENT_BYTES_MAX = 402_653_184
const RECORDS_MAX = 1_000_000
const RECORD_LENGTH_MAX = 1_048_576
const FILES_MAX = 500_000
const INDEX_MAX = 2_000
const FOLDER_DEPTH_MAX = 16
const UPDATE_MS_MAX = 120_000
const URL_LENGTH_MAX = 2_048

/** What a source held. */
export interface Gathered {
  readonly entries: readonly ListEntry[]
  readonly records: number
  readonly unusable: number
}

/** The world that sources are in. */
export interface SourceWorld {
  readonly transport: HttpTransport
  nowMs(): number
}

/** Counts what has been read of one source, and stops at the limits. */
class Reading {
  readonly entries: ListEntry[] = []
  records = 0
  unusable = 0
  #bytes = 0

  /** @throws VouchsafeError LIST_MALFORMED over the limit. */
  take(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > BYTES_MAX) throw malformed("the source", `has more than ${BYTES_MAX} bytes`)
  }

  record(value: unknown, at: string): void {
    this.records += 1
    if (this.records > RECORDS_MAX) throw malformed(at, `more than ${RECORDS_MAX} records`)
    const { entries, unusable } = readOsv(value, at)
    // Not spread: a call takes some thousands of arguments.
    for (const entry of entries) this.entries.push(entry)
    this.unusable += unusable
  }
}

/**
 * Reads a whole source.
 * @throws VouchsafeError LIST_MALFORMED, and of the transport and the disk: then nothing of it counts.
 */
export async function gatherList(source: string, world: SourceWorld): Promise<Gathered> {
  const reading = new Reading()
  if (isListUrl(source)) await readUrl(source, world, reading)
  else readPath(source, reading)
  return { entries: reading.entries, records: reading.records, unusable: reading.unusable }
}

async function readUrl(source: string, world: SourceWorld, reading: Reading): Promise<void> {
  const endMs = world.nowMs() + UPDATE_MS_MAX
  const index = await fetchDocument(source, world, endMs, reading)
  const urls = readDocument(index, source, reading)
  if (urls.length > INDEX_MAX) throw malformed(source, `names ${urls.length} documents, expected at most ${INDEX_MAX}`)
  for (const text of urls) {
    const url = below(source, text)
    const nested = readDocument(await fetchDocument(url, world, endMs, reading), url, reading)
    if (nested.length > 0) throw malformed(url, "is an index in an index, expected OSV records")
  }
}

async function fetchDocument(url: string, { transport, nowMs }: SourceWorld, endMs: number, reading: Reading): Promise<string> {
  const timeoutMs = endMs - nowMs()
  if (timeoutMs <= 0) throw new VouchsafeError("TIMEOUT", `${url}: the update took longer than ${UPDATE_MS_MAX / 1_000} s`)
  const { status, body } = await transport.request({ method: "GET", url, timeoutMs, maxBytes: DOCUMENT_BYTES_MAX, headers: { accept: "application/json, application/x-ndjson" } })
  if (status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${url} answered ${status}, expected 200`)
  reading.take(body.length)
  return textOf(body, url)
}

/** A document that an index names lies beside or below it: a list may not lead anywhere else. */
function below(index: string, text: string): string {
  const folder = new URL(".", index)
  const url = text.length <= URL_LENGTH_MAX && URL.canParse(text, folder.href) ? new URL(text, folder) : undefined
  if (url === undefined || url.username !== "" || url.password !== "" || !url.href.startsWith(folder.href) || /%2f|%5c/i.test(url.pathname)) throw malformed(index, `names ${JSON.stringify(text.slice(0, 80))}, expected a document of its own folder`)
  return url.href
}

function readPath(source: string, reading: Reading): void {
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() === true) {
    for (const path of filesIn(source)) refuseIndex(readDocument(readFile(path, reading), relative(source, path), reading), path)
  } else refuseIndex(readDocument(readFile(source, reading), source, reading), source)
}

function refuseIndex(urls: readonly string[], path: string): void {
  if (urls.length > 0) throw malformed(path, "is an index of URLs, which a file cannot be")
}

/** Files of records, in the order of their names. */
function filesIn(root: string): string[] {
  const files: string[] = []
  const walk = (folder: string, depth: number): void => {
    if (depth > FOLDER_DEPTH_MAX) throw malformed(folder, `lies deeper than ${FOLDER_DEPTH_MAX} folders`)
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      // Links are not followed: they may go in circles.
      if (entry.isDirectory()) walk(path, depth + 1)
      else if (entry.isFile() && /\.jsonl?$/.test(entry.name)) files.push(path)
      if (files.length > FILES_MAX) throw malformed(root, `holds more than ${FILES_MAX} files`)
    }
  }
  walk(root, 0)
  if (files.length === 0) throw malformed(root, "holds no *.json and no *.jsonl")
  return files
}

function readFile(path: string, reading: Reading): string {
  const file = openSync(path, "r")
  try {
    const { size } = fstatSync(file)
    if (size > DOCUMENT_BYTES_MAX) throw malformed(path, `has ${size} bytes, expected at most ${DOCUMENT_BYTES_MAX}`)
    reading.take(size)
    return textOf(readFileSync(file), path)
  } finally {
    closeSync(file)
  }
}

function textOf(bytes: Uint8Array, at: string): string {
  try {
    return utf8Decode(bytes)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw malformed(at, "is no UTF-8", cause)
  }
}

/** Takes the records of one document; the URLs of an index are given back. */
function readDocument(text: string, at: string, reading: Reading): readonly string[] {
  const whole = wholeJson(text)
  if (whole === undefined) {
    for (const [i, line] of text.split("\n").entries()) {
      if (line.trim() === "") continue
      if (line.length > RECORD_LENGTH_MAX) throw malformed(`${at}:${i + 1}`, `a record of ${line.length} characters, expected at most ${RECORD_LENGTH_MAX}`)
      reading.record(parseJson("LIST_MALFORMED", `${at}:${i + 1}`, line), `${at}:${i + 1}`)
    }
    if (text.trim() === "") throw malformed(at, "is empty, expected OSV records")
    return []
  }
  if (!Array.isArray(whole.value)) {
    reading.record(whole.value, at)
    return []
  }
  const items: readonly unknown[] = whole.value
  if (items.length > 0 && items.every((item) => typeof item === "string")) return items
  for (const [i, item] of items.entries()) reading.record(item, `${at}[${i}]`)
  return []
}

/** undefined for what is not one JSON value: then each line is one. */
function wholeJson(text: string): { readonly value: unknown } | undefined {
  const [first = ""] = text.trimStart().split("\n", 1)
  // One record a line: no need to try the whole.
  if (text.trimStart().startsWith("{") && isJson(first) && text.trim() !== first.trim()) return undefined
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function malformed(at: string, why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("LIST_MALFORMED", `${at}: ${why}`, { cause })
}
