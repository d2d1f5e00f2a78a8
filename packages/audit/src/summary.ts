/**
 * What a set of files comes to as a whole: all that is asked of a package that is as attested. Runs in workers.
 *
 * @packageDocumentation
 */
import { type Bytes, executablesOf, h1, unlessRefused } from "@vouchsafe/core"
import { hash } from "node:crypto"
import type { DiskFile, Hashes, Summary } from "./types.ts"

const digest = { sha256: (data: Bytes): Bytes => hash("sha256", data, "buffer") }

/** The hashes of files in any order (packages/spec/observation.md); undefined where a path can have none: it is in no attested package either. */
export function hashesOf(files: readonly DiskFile[]): Hashes | undefined {
  const content = unlessRefused(() => h1(digest, files))
  if (content === undefined) return undefined
  return { h1: content, executables: executablesOf(digest, files.filter(({ executable }) => executable).map(({ path }) => path)) }
}

export function summaryOf(files: readonly DiskFile[]): Summary {
  const hashes = hashesOf(files)
  return { count: files.length, ...(hashes === undefined ? {} : { hashes }) }
}
