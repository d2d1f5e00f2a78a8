/**
 * What a set of files comes to as a whole: all that is asked of a package that is as attested. Runs in workers.
 *
 * @packageDocumentation
 */
import { type Bytes, compareBytes, h1, hexEncode, unlessRefused, utf8Encode } from "@vouchsafe/core"
import { hash } from "node:crypto"
import type { DiskFile, Hashes, Summary } from "./types.ts"

const digest = { sha256: (data: Bytes): Bytes => hash("sha256", data, "buffer") }

/** The hashes of files in any order (packages/spec/observation.md); undefined where a path can have none: it is in no attested package either. */
export function hashesOf(files: readonly DiskFile[]): Hashes | undefined {
  const content = unlessRefused(() => h1(digest, files))
  if (content === undefined) return undefined
  const paths = files.filter(({ executable }) => executable).map(({ path }) => utf8Encode(path)).sort(compareBytes)
  const lines = Buffer.concat(paths.flatMap((path) => [path, LINE_FEED]))
  return { h1: content, executables: { count: paths.length, sha256: hexEncode(digest.sha256(lines)) } }
}
const LINE_FEED = utf8Encode("\n")

export function summaryOf(files: readonly DiskFile[]): Summary {
  const hashes = hashesOf(files)
  return { count: files.length, ...(hashes === undefined ? {} : { hashes }) }
}
