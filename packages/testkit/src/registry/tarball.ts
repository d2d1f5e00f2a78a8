import { createHash } from "node:crypto"
import { readFile, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { Header, Parser, Pax } from "tar"
import type { Built, FixtureFile, FixturePackage } from "./types.ts"

const BLOCK_BYTES = 512
const GZIP_OS_BYTE = 9
const GZIP_OS_UNKNOWN = 255
const MODE_FILE = 0o644
const DEFAULT_PUBLISHED_AT = "2026-01-15T12:00:00.000Z"
/** The date npm itself writes into packed files, so that packing twice gives the same bytes. */
const FIXED_MTIME = new Date("1985-10-26T08:15:00.000Z")

/** One member of an archive, as {@link packTarball} writes and {@link unpackTarball} reads it. */
export interface TarMember {
  readonly path: string
  readonly content: Uint8Array
  readonly mode: number
  /** Default "File". Links and devices are for hostile fixtures. */
  readonly type?: "File" | "Directory" | "SymbolicLink" | "Link" | "CharacterDevice"
  readonly linkpath?: string
}

/** Builds a .tgz from members in the order given. Same members, same bytes. */
export function packTarball(members: readonly TarMember[]): Buffer {
  const parts: Buffer[] = []
  for (const member of members) {
    const isFile = (member.type ?? "File") === "File"
    const fields = { path: member.path, mode: member.mode, size: isFile ? member.content.length : 0, mtime: FIXED_MTIME, type: member.type ?? "File" as const, ...(member.linkpath === undefined ? {} : { linkpath: member.linkpath }) }
    const header = new Header(fields)
    const block = Buffer.alloc(BLOCK_BYTES)
    // encode answers whether the path did not fit into the header
    if (header.encode(block, 0)) parts.push(new Pax({ path: member.path, size: fields.size, mtime: FIXED_MTIME }).encode())
    parts.push(block)
    if (isFile) {
      parts.push(Buffer.from(member.content))
      parts.push(Buffer.alloc((BLOCK_BYTES - (member.content.length % BLOCK_BYTES)) % BLOCK_BYTES))
    }
  }
  parts.push(Buffer.alloc(BLOCK_BYTES * 2))
  const zipped = gzipSync(Buffer.concat(parts), { level: 9 })
  zipped[GZIP_OS_BYTE] = GZIP_OS_UNKNOWN
  return zipped
}

/** Reads the regular files of a .tgz, in order. For well-formed archives only. */
export function unpackTarball(tgz: Uint8Array): TarMember[] {
  const members: TarMember[] = []
  const parser = new Parser({ strict: true })
  parser.on("entry", (entry) => {
    const chunks: Buffer[] = []
    entry.on("data", (chunk: Buffer) => chunks.push(Buffer.from(chunk)))
    entry.on("end", () => {
      if (entry.type === "File") members.push({ path: entry.path, content: Buffer.concat(chunks), mode: entry.mode ?? MODE_FILE })
    })
  })
  parser.end(gunzipSync(tgz))
  return members
}

/** Builds what the registry holds for a fixture. */
export function buildFixture(fixture: FixturePackage): Built {
  const files = { ...fixture.files }
  const own = { name: fixture.name, version: fixture.version, ...fixture.manifest }
  files["package.json"] ??= `${JSON.stringify(own, null, 2)}\n`
  const members = Object.keys(files).sort().map((path) => memberOf(`package/${path}`, files[path] as FixtureFile))
  const tarball = Buffer.from(fixture.tarball ?? packTarball(members))
  return {
    name: fixture.name, version: fixture.version, tarball, ...digestsOf(tarball),
    unpackedSize: members.reduce((sum, member) => sum + member.content.length, 0), fileCount: members.length,
    manifest: { ...own, ...fixture.packument, ...(fixture.deprecated === undefined ? {} : { deprecated: fixture.deprecated }) },
    dist: fixture.dist ?? {},
    publishedAt: fixture.publishedAt ?? DEFAULT_PUBLISHED_AT, publisher: fixture.publisher ?? "fixture",
  }
}

/** Digests in the spellings that a packument uses. */
export function digestsOf(tarball: Uint8Array): { integrity: string; shasum: string; sha512: string } {
  const sha512 = createHash("sha512").update(tarball).digest()
  return { integrity: `sha512-${sha512.toString("base64")}`, shasum: createHash("sha1").update(tarball).digest("hex"), sha512: sha512.toString("hex") }
}

/** The honest tarball with a postinstall script added: works as before, and leaves a mark where it is installed. */
export function injectPostinstall(tgz: Uint8Array, command: string): Buffer {
  const members = unpackTarball(tgz).map((member) => {
    if (!/^[^/]+\/package\.json$/.test(member.path)) return member
    const manifest = JSON.parse(Buffer.from(member.content).toString("utf8")) as { scripts?: Record<string, string> }
    manifest.scripts = { ...manifest.scripts, postinstall: command }
    return { ...member, content: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) }
  })
  return packTarball(members)
}

/** Reads a folder with a package.json as a fixture; `node_modules` and `.git` stay out. */
export async function packFixture(dir: string): Promise<FixturePackage> {
  const files: Record<string, FixtureFile> = {}
  const walk = async (relative: string): Promise<void> => {
    for (const entry of await readdir(join(dir, relative), { withFileTypes: true })) {
      if (entry.name === "node_modules" || entry.name === ".git") continue
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) files[path] = { content: await readFile(join(dir, path)), mode: ((await stat(join(dir, path))).mode & 0o111) === 0 ? MODE_FILE : 0o755 }
    }
  }
  await walk("")
  const manifest = JSON.parse(await readFile(join(dir, "package.json"), "utf8")) as Record<string, unknown> & { name: string; version: string }
  return { name: manifest.name, version: manifest.version, files, manifest }
}

function memberOf(path: string, file: FixtureFile): TarMember {
  if (typeof file === "string") return { path, content: Buffer.from(file), mode: MODE_FILE }
  if (file instanceof Uint8Array) return { path, content: file, mode: MODE_FILE }
  return { path, content: Buffer.from(file.content as string), mode: file.mode ?? MODE_FILE }
}
