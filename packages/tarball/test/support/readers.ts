/** The three tar readers that must agree, each asked in its own way for regular files by path. */
import { createHash } from "node:crypto"
import { unpackTar } from "modern-tar"
import { Parser } from "tar"
import { TARBALL_LIMITS } from "../../src/limits.ts"
import { createTarReader, type TarEntry } from "../../src/tar/reader.ts"

/** Files as `path sha256`, in order; or that the reader gave up. */
export type View = readonly string[] | "refused"

const line = (path: string, content: Uint8Array): string => `${path} ${createHash("sha256").update(content).digest("hex")}`

/** npm's parser, over the whole archive at once, as `tar.x` uses it: warnings are passed over. */
export function viewOfTar(tar: Uint8Array): View {
  const files: string[] = []
  let failed = false
  const parser = new Parser({
    onReadEntry: (entry) => {
      const parts: Buffer[] = []
      entry.on("data", (bytes: Buffer) => parts.push(Buffer.from(bytes)))
      entry.on("end", () => { if (/File$/.test(entry.type)) files.push(line(entry.path, Buffer.concat(parts))) })
    },
  })
  parser.on("error", () => { failed = true })
  // A first block that looks compressed would be inflated in the background: no such archive is in the corpus.
  parser.end(Buffer.from(tar))
  return failed ? "refused" : files
}

export async function viewOfModernTar(tar: Uint8Array): Promise<View> {
  try {
    const entries = await unpackTar(Uint8Array.from(tar))
    return entries.filter(({ header }) => header.type === "file").map(({ header, data }) => line(header.name, data ?? new Uint8Array(0)))
  } catch (error) {
    if (error instanceof Error) return "refused"
    throw error
  }
}

/** The strict reader alone, without npm's beside it. */
export function viewOfStrictReader(tar: Uint8Array): View {
  const files: string[] = []
  let open: { readonly entry: TarEntry, readonly parts: Buffer[] } | undefined
  const reader = createTarReader(TARBALL_LIMITS, {
    extension: () => undefined,
    entry: (entry) => { open = { entry, parts: [] } },
    content: (blocks) => { open?.parts.push(Buffer.from(blocks)) },
    entryEnd: () => {
      if (open?.entry.type === "file") files.push(line(open.entry.path, Buffer.concat(open.parts).subarray(0, open.entry.size)))
      open = undefined
    },
  })
  try {
    reader.write(tar)
    reader.end()
    return files
  } catch (error) {
    if (error instanceof Error) return "refused"
    throw error
  }
}

/** What the three say. */
export async function viewsOf(tar: Uint8Array): Promise<{ readonly strict: View, readonly npm: View, readonly modern: View }> {
  return { strict: viewOfStrictReader(tar), npm: viewOfTar(tar), modern: await viewOfModernTar(tar) }
}
