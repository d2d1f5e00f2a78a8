import { VouchsafeError } from "@vouchsafe/core"

/** One page of a listing. */
export interface Listing {
  readonly keys: readonly string[]
  /** Token of the next page, undefined on the last. */
  readonly next: string | undefined
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" }

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("UPSTREAM_FAILED", `object storage: the listing ${why}`)
}

function decode(text: string): string {
  return text.replace(/&([^;]*);?/g, (all, name: string) => {
    const numeric = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name)
    const point = numeric === null ? undefined : numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16)
    const known = point === undefined ? ENTITIES[name] : point <= 0x10ffff ? String.fromCodePoint(point) : undefined
    if (known === undefined || !all.endsWith(";")) throw refuse("holds an unknown entity")
    return known
  })
}

function only(text: string, name: string): string | undefined {
  const found = [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))]
  if (found.length > 1) throw refuse(`says ${name} more than once`)
  return found[0] === undefined ? undefined : decode(found[0][1] ?? "")
}

/**
 * Reads an answer to ListObjectsV2: the few elements needed of a document of one known shape.
 * @throws VouchsafeError UPSTREAM_FAILED.
 */
export function parseListing(text: string): Listing {
  if (!/<ListBucketResult[\s>]/.test(text) || !text.trimEnd().endsWith("</ListBucketResult>")) throw refuse("is none, or was cut off")
  const contents = [...text.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map((match) => match[1] ?? "")
  const around = text.replaceAll(/<Contents>.*?<\/Contents>/gs, "")
  const keys = contents.map((content) => {
    const key = only(content.replaceAll(/<Owner>.*?<\/Owner>/gs, ""), "Key")
    if (key === undefined) throw refuse("has an object without key")
    return key
  })
  const truncated = only(around, "IsTruncated")
  if (truncated !== "true" && truncated !== "false") throw refuse("does not say whether it is complete")
  const next = only(around, "NextContinuationToken")
  if (truncated === "true" && (next === undefined || next === "")) throw refuse("is incomplete and names no next page")
  return { keys, next: truncated === "true" ? next : undefined }
}
