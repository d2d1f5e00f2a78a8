/** Hostile archives: one row, one trick. `code` is what an attester must answer, `says` a part of the reason. */
import { gzipSync } from "node:zlib"
import { archive, directory, END, entry, gnuLongPath, header, packageJson, packageTar, pax, paxRecord, sign, symlink, tgz } from "@vouchsafe/testkit/tar"

export interface HostileTar {
  readonly name: string
  readonly tar: Buffer
  readonly code: "TARBALL_AMBIGUOUS" | "TARBALL_HOSTILE" | "TARBALL_TOO_LARGE"
  readonly says: string
}

const ambiguous = (name: string, says: string, ...parts: Uint8Array[]): HostileTar => ({ name, tar: packageTar(...parts), code: "TARBALL_AMBIGUOUS", says })
const hostile = (name: string, says: string, ...parts: Uint8Array[]): HostileTar => ({ name, tar: packageTar(...parts), code: "TARBALL_HOSTILE", says })
const tooLarge = (name: string, says: string, ...parts: Uint8Array[]): HostileTar => ({ name, tar: packageTar(...parts), code: "TARBALL_TOO_LARGE", says })

const EVIL = entry("package/evil.js", "evil")
const A = entry("package/a.js", "a")

/** A header of another format: the text at `at` is replaced, then signed. */
function patched(block: Buffer, at: number, text: string | Uint8Array): Buffer {
  const copy = Buffer.from(block)
  Buffer.from(typeof text === "string" ? Buffer.from(text, "latin1") : text).copy(copy, at)
  const head = copy.subarray(0, 512)
  sign(head)
  return copy
}

const truncated = packageTar(A)

export const HOSTILE_TARS: readonly HostileTar[] = [
  // one place, two entries
  ambiguous("a file twice", "unpack to one place", A, entry("package/a.js", "b")),
  ambiguous("a file twice, the same bytes, once executable", "unpack to one place", A, entry("package/a.js", "a", { mode: 0o755 })),
  ambiguous("a file twice after the first folder is stripped", "unpack to one place", A, entry("other/a.js", "b")),
  ambiguous("package.json twice, once elsewhere", "unpack to one place", entry("x/package.json", "{}")),
  ambiguous("names that differ in case", "unpack to one place", A, entry("package/A.JS", "b")),
  ambiguous("folders that differ in case, one file", "unpack to one place", entry("package/Lib/a.js"), entry("package/lib/a.js")),
  ambiguous("names that differ in Unicode form", "unpack to one place", pax({ path: "package/\u00e9.js" }), A, pax({ path: "package/e\u0301.js" }), A),
  ambiguous("names that differ in a special casing", "unpack to one place", pax({ path: "package/stra\u00dfe.js" }), A, pax({ path: "package/STRASSE.js" }), A),
  ambiguous("a name with a dot at the end, which Windows drops", "unpack to one place", entry("package/package.json.", "{}")),
  ambiguous("a file that is a folder", "a file and a folder", entry("package/lib", "x"), entry("package/lib/a.js", "a")),
  ambiguous("a folder that is a file", "a file and a folder", entry("package/lib/a.js", "a"), entry("package/lib", "x")),
  ambiguous("a file where a directory entry is", "a file and a folder", entry("package/lib", "x"), directory("package/lib/")),
  ambiguous("a file where a directory entry was", "a file and a folder", directory("package/lib/"), entry("package/lib", "x")),
  ambiguous("a file and a folder that differ in case", "a file and a folder", entry("package/LIB", "x"), entry("package/lib/a.js", "a")),
  ambiguous("a link where a file is", "unpack to one place", A, symlink("package/a.js", "b.js")),
  ambiguous("a file below a link", "a file and a folder", symlink("package/lib", "other"), entry("package/lib/a.js", "a")),
  // places that managers see differently
  ambiguous("a file outside of every folder", "lies in no folder", entry("evil.js", "evil")),
  ambiguous("a path that starts with a dot", "starts with a dot", entry("./package/evil.js", "evil")),
  ambiguous("a file named like its own folder", "lies in no folder", entry("package/lib/.", "x")),
  ambiguous("a file with a slash at the end", "ends with a slash", entry("package/lib/", "x")),
  ambiguous("an empty file with a slash at the end", "ends with a slash", entry("package/lib/", "")),
  hostile("an absolute path", "is absolute", entry("/etc/evil", "evil")),
  hostile("a path upwards", "leads upwards", entry("package/../../evil.js", "evil")),
  hostile("a path upwards in place of the stripped folder", "leads upwards", entry("../evil.js", "evil")),
  hostile("a directory upwards", "leads upwards", directory("package/../..")),
  hostile("a backslash", "backslash", entry("package\\..\\evil.js", "evil")),
  hostile("a drive", "names a drive", entry("C:/package/evil.js", "evil")),
  hostile("a drive behind the stripped folder", "names a drive", entry("package/C:/evil.js", "evil")),
  hostile("a drive behind an empty component", "names a drive", entry("package//c:evil.js", "evil")),
  hostile("a newline in a name", "newline", entry("package/a\nb.js", "evil")),
  // links and devices
  ambiguous("a hard link", "hard link", A, header({ path: "package/b.js", link: "package/a.js", type: "1" })),
  hostile("a link out of the package", "inside the package", symlink("package/b.js", "../evil.js")),
  hostile("a link out of the package by a detour", "inside the package", symlink("package/lib/b.js", "x/../../../evil.js")),
  hostile("a link to an absolute path", "relative path", symlink("package/b.js", "/etc/passwd")),
  ambiguous("a link as package.json of a bundled package", "only some managers", symlink("package/node_modules/x/package.json", "../../a.json")),
  ambiguous("a link as gyp file", "only some managers", symlink("package/binding.gyp", "a.txt")),
  ambiguous("a link with content", "size", Buffer.concat([header({ path: "package/b", link: "a", type: "2", size: 512 }), entry("package/evil.js", "x")])),
  ambiguous("a link without target", "without target", header({ path: "package/b", type: "2" })),
  hostile("a character device", "device", header({ path: "package/null", type: "3" })),
  hostile("a block device", "device", header({ path: "package/sda", type: "4" })),
  hostile("a pipe", "device or a pipe", header({ path: "package/pipe", type: "6" })),
  // types that only some know
  ambiguous("a contiguous file", "type 0x37", entry("package/a.js", "a", { type: "7" })),
  ambiguous("a GNU sparse file", "type 0x53", entry("package/a.js", "a", { type: "S" })),
  ambiguous("a pax sparse file", "sparse", pax({ "GNU.sparse.major": "1", "GNU.sparse.name": "package/evil.js" }), A),
  ambiguous("a GNU long link name", "type 0x4b", entry("././@LongLink", "package/x\0", { type: "K" }), A),
  ambiguous("a Solaris extension", "type 0x58", pax({ path: "package/evil.js" }, "X"), A),
  ambiguous("a volume header", "type 0x56", entry("volume", "", { type: "V" })),
  ambiguous("an unknown type", "type 0x51", entry("package/a.js", "a", { type: "Q" })),
  // names that readers put together differently
  ambiguous("two pax extensions for one file", "two extensions", pax({ path: "package/a.js" }), pax({ path: "package/evil.js" }), A),
  ambiguous("a pax path and a GNU long name", "two extensions", pax({ path: "package/a.js" }), gnuLongPath("package/evil.js"), A),
  ambiguous("a GNU long name and a pax path", "two extensions", gnuLongPath("package/evil.js"), pax({ path: "package/a.js" }), A),
  ambiguous("a global pax path", "global pax record sets the path", pax({ path: "package/evil.js" }, "g"), A),
  ambiguous("a global pax size", "global pax record sets the size", pax({ size: "0" }, "g"), A),
  ambiguous("a pax extension with an empty path", "empty", pax({ path: "" }), A),
  ambiguous("a pax path twice", "twice", pax(Buffer.concat([paxRecord("path", "package/a.js"), paxRecord("path", "package/evil.js")])), A),
  ambiguous("a pax path with a NUL", "NUL", pax({ path: "package/evil.js\0.txt" }), A),
  ambiguous("a pax path with a newline", "newline", pax({ path: "package/a.js\n27 path=package/package.json" }), A),
  ambiguous("a pax record with a leading zero in its length", "wrong length", pax(Buffer.from("024 path=package/evil.js\n")), A),
  ambiguous("a pax record that is longer than it is", "wrong length", pax(Buffer.from("99 path=package/evil.js\n")), A),
  ambiguous("a pax record without a key", "no key", pax(Buffer.from("8 =abcd\n")), A),
  ambiguous("a pax record hidden in the value of another", "npm's tar parser", pax({ "SCHILY.xattr.user.x": "a\n24 path=package/evil.js\n" }), A),
  ambiguous("a pax mode", "mode", pax({ mode: "493" }), A),
  ambiguous("a pax extension that describes nothing", "ends after an extension", pax({ path: "package/evil.js" })),
  ambiguous("a GNU long name with more after its NUL", "goes on after its end", entry("././@LongLink", "package/a.js\0evil", { type: "L", magic: "ustar  \0" }), A),
  ambiguous("an empty name in the header, the path in pax", "empty name", pax({ path: "package/evil.js" }), entry("", "evil")),
  ambiguous("a name with a newline after its NUL", "npm's tar parser", entry(Buffer.from("package/a.js\0\n/../evil.js"), "a")),
  ambiguous("a name that is not UTF-8", "not UTF-8", entry(Buffer.from([...Buffer.from("package/"), 0xe9, 0x2e, 0x6a, 0x73]), "a")),
  ambiguous("a prefix in a header that is not POSIX ustar", "path prefix", entry("a.js", "a", { magic: "ustar  \0", prefix: "package/lib" })),
  ambiguous("no magic", "no ustar magic", entry("package/a.js", "a", { magic: "" })),
  // sizes and numbers that readers read differently
  ambiguous("a pax size other than the header's", "pax record says", pax({ size: "512" }), header({ path: "package/a.js", size: 0 }), EVIL),
  ambiguous("a pax size in another notation", "no plain decimal", pax({ size: "0x200" }), A),
  ambiguous("a pax size below zero", "no plain decimal", pax({ size: "-1" }), A),
  ambiguous("a size in base 256", "no plain octal", patched(entry("package/a.js", "a"), 124, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))),
  ambiguous("a size below zero in base 256", "no plain octal", patched(entry("package/a.js", "a"), 124, Buffer.alloc(12, 0xff))),
  ambiguous("a size with a sign", "no plain octal", patched(header({ path: "package/a.js" }), 124, "-0000001000 ")),
  ambiguous("a size with junk", "no plain octal", patched(entry("package/a.js", "a"), 124, "1x000000000\0")),
  ambiguous("a size with leading spaces", "no plain octal", patched(entry("package/a.js", "a"), 124, "          1\0")),
  ambiguous("a size with digits after its end", "no plain octal", patched(entry("package/a.js", "a"), 124, "1\u00000000000\0")),
  ambiguous("a mode with leading spaces", "no plain octal", patched(entry("package/a.js", "a"), 100, "   755 \0")),
  ambiguous("a directory with content", "size 512", directory("package/lib/", { size: 512 }), EVIL),
  ambiguous("an owner that npm's parser stumbles over", "owner is no number", patched(entry("package/a.js", "a"), 108, Buffer.from([0x81, 0, 0, 0, 0, 0, 0, 0]))),
  ambiguous("a time with a space inside", "time is no number", patched(entry("package/a.js", "a"), 136, "035 0116604 ")),
  ambiguous("a device number that npm's parser stumbles over", "device number is no number", patched(entry("package/a.js", "a"), 329, Buffer.from([0x81, 0, 0, 0, 0, 0, 0, 0]))),
  ambiguous("a time that is no number", "time is no number", patched(entry("package/a.js", "a"), 136, "yesterday\0")),
  ambiguous("a time before 1970", "time is no number", patched(entry("package/a.js", "a"), 136, Buffer.alloc(12, 0xff))),
  ambiguous("a file with a link name", "has a link name", header({ path: "package/a.js", link: "package/b.js", size: 512 }), EVIL),
  ambiguous("a pax link target on a file", "target without link", pax({ linkpath: "package/b.js" }), A),
  ambiguous("a wrong checksum", "wrong checksum", Buffer.concat([header({ path: "package/a.js", checksum: "000001\0 " }), EVIL])),
  ambiguous("a checksum without its end", "terminated octal checksum", unterminatedChecksum()),
  // the end, and what follows it
  { name: "no end-of-archive marker", tar: Buffer.concat([packageJson(), A]), code: "TARBALL_AMBIGUOUS", says: "no end-of-archive marker" },
  { name: "cut off in a file", tar: truncated.subarray(0, truncated.length - END.length - 512), code: "TARBALL_AMBIGUOUS", says: "cut off" },
  { name: "cut off in a header", tar: truncated.subarray(0, truncated.length - END.length - 612), code: "TARBALL_AMBIGUOUS", says: "cut off" },
  { name: "one empty block, then more", tar: Buffer.concat([packageJson(), Buffer.alloc(512), EVIL, END]), code: "TARBALL_AMBIGUOUS", says: "follows the end-of-archive" },
  { name: "an archive after the archive", tar: Buffer.concat([packageTar(), archive(EVIL)]), code: "TARBALL_AMBIGUOUS", says: "follows the end-of-archive" },
  { name: "a few bytes after the archive", tar: Buffer.concat([packageTar(), Buffer.from("x")]), code: "TARBALL_AMBIGUOUS", says: "follows the end-of-archive" },
  // limits
  tooLarge("a path over the limit", "bytes, expected at most 1024", pax({ path: `package/${"x/".repeat(510)}abcdefg` }), A),
  tooLarge("a path of too many parts", "parts, expected at most", pax({ path: `package/${"x/".repeat(200)}a` }), A),
  tooLarge("an extension over the limit", "an extension has", pax({ comment: "x".repeat(1024 * 1024) }), A),
  tooLarge("a package.json over the limit", "bytes, expected at most", entry("package/node_modules/x/package.json", `"${"x".repeat(4 * 1024 * 1024)}"`)),
  // manifests
  { name: "no package.json", tar: archive(A), code: "TARBALL_HOSTILE", says: "no package.json" },
  { name: "nothing at all", tar: END, code: "TARBALL_HOSTILE", says: "no package.json" },
  { name: "a package.json that is no JSON", tar: archive(entry("package/package.json", "{name:1}")), code: "TARBALL_HOSTILE", says: "does not parse" },
  { name: "a package.json that is a list", tar: archive(entry("package/package.json", "[]")), code: "TARBALL_HOSTILE", says: "no JSON object" },
  { name: "a package.json with two postinstall", tar: archive(entry("package/package.json", "{\"scripts\":{\"postinstall\":\"a\",\"postinstall\":\"b\"}}")), code: "TARBALL_AMBIGUOUS", says: "twice" },
  { name: "a package.json with scripts twice", tar: archive(entry("package/package.json", "{\"scripts\":{},\"\\u0073cripts\":{\"install\":\"b\"}}")), code: "TARBALL_AMBIGUOUS", says: "twice" },
  { name: "a package.json with a lone surrogate in a script", tar: archive(entry("package/package.json", "{\"scripts\":{\"install\":\"\\ud800\"}}")), code: "TARBALL_HOSTILE", says: "lone surrogate" },
  hostile("a bundled package.json that is no JSON", "does not parse", entry("package/node_modules/x/package.json", "nonsense")),
]

/** Digits in all eight places: one reader reads the type and the link name as further digits. */
function unterminatedChecksum(): Buffer {
  const block = header({ path: "package/a.js" })
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(sum.toString(8).padStart(8, "0"), 148, "latin1")
  return block
}

const good = tgz(packageTar(A))

/** Damage and trickery around the archive. */
export const HOSTILE_TGZS: readonly { readonly name: string, readonly tgz: Buffer, readonly code: HostileTar["code"], readonly says: string }[] = [
  { name: "a second gzip member", tgz: Buffer.concat([good, gzipSync(EVIL)]), code: "TARBALL_AMBIGUOUS", says: "follows the end of the gzip member" },
  { name: "an empty second gzip member", tgz: Buffer.concat([good, gzipSync("")]), code: "TARBALL_AMBIGUOUS", says: "follows the end of the gzip member" },
  { name: "an archive in two gzip members", tgz: Buffer.concat([gzipSync(packageJson()), gzipSync(archive(A))]), code: "TARBALL_AMBIGUOUS", says: "follows the end of the gzip member" },
  { name: "junk after the gzip member", tgz: Buffer.concat([good, Buffer.from("junk")]), code: "TARBALL_AMBIGUOUS", says: "follows the end of the gzip member" },
  { name: "zeros after the gzip member", tgz: Buffer.concat([good, Buffer.alloc(512)]), code: "TARBALL_AMBIGUOUS", says: "follows the end of the gzip member" },
  { name: "zeros, then a gzip member", tgz: Buffer.concat([good, Buffer.alloc(8), gzipSync(EVIL)]), code: "TARBALL_AMBIGUOUS", says: "follows the end of the gzip member" },
  { name: "no gzip: a bare tar", tgz: packageTar(A), code: "TARBALL_HOSTILE", says: "no gzip file" },
  { name: "no gzip: text", tgz: Buffer.from("<html>not found</html>"), code: "TARBALL_HOSTILE", says: "no gzip file" },
  { name: "nothing", tgz: Buffer.alloc(0), code: "TARBALL_HOSTILE", says: "cut off" },
  { name: "cut off in the gzip header", tgz: good.subarray(0, 6), code: "TARBALL_HOSTILE", says: "cut off" },
  { name: "cut off in the middle", tgz: good.subarray(0, good.length >> 1), code: "TARBALL_HOSTILE", says: "cut off" },
  { name: "cut off in the trailer", tgz: good.subarray(0, good.length - 3), code: "TARBALL_HOSTILE", says: "cut off" },
  { name: "a wrong gzip checksum", tgz: flipped(good, good.length - 8), code: "TARBALL_HOSTILE", says: "checksum" },
  { name: "a wrong gzip length", tgz: flipped(good, good.length - 1), code: "TARBALL_HOSTILE", says: "length" },
  { name: "an unknown gzip flag", tgz: flipped(good, 3, 0x80), code: "TARBALL_HOSTILE", says: "unknown method or flag" },
  { name: "gzip around gzip", tgz: gzipSync(good), code: "TARBALL_AMBIGUOUS", says: "cut off" },
  { name: "zeros that inflate a thousandfold", tgz: tgz(packageTar(entry("package/zeros", Buffer.alloc(64 * 1024 * 1024)))), code: "TARBALL_HOSTILE", says: "inflates more than 200 times" },
]

function flipped(bytes: Buffer, at: number, bits = 1): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ bits
  return copy
}

/** Archives of honest tools, also old and unusual ones: each must be read, and alike by all three readers. */
export const HONEST_TARS: readonly { readonly name: string, readonly tar: Buffer, readonly files: readonly string[] }[] = [
  { name: "npm's own form", tar: packageTar(A), files: ["package.json", "a.js"] },
  { name: "the same file twice, as some bundlers pack it", tar: packageTar(A, A), files: ["package.json", "a.js"] },
  { name: "another first folder, and directory entries", tar: archive(directory("node/"), entry("node/package.json", "{}"), directory("node/lib/"), entry("node/lib/a.js", "a")), files: ["package.json", "lib/a.js"] },
  { name: "two first folders", tar: packageTar(entry("other/b.js", "b")), files: ["package.json", "b.js"] },
  { name: "an old-style type byte", tar: packageTar(entry("package/a.js", "a", { type: "\0" })), files: ["package.json", "a.js"] },
  { name: "a path split into prefix and name", tar: packageTar(entry("lib/a.js", "a", { prefix: "package/deep" })), files: ["package.json", "deep/lib/a.js"] },
  { name: "a prefix of 155 bytes", tar: packageTar(entry("a.js", "a", { prefix: `package/${"x".repeat(147)}` })), files: ["package.json", `${"x".repeat(147)}/a.js`] },
  { name: "a pax path over a cut name", tar: packageTar(pax({ path: `package/${"y".repeat(150)}.js` }), entry(`package/${"y".repeat(92)}`, "a")), files: ["package.json", `${"y".repeat(150)}.js`] },
  { name: "a pax path that is not ASCII", tar: packageTar(pax({ path: "package/\u65e5\u672c.js" }), entry("package/\u65e5\u672c.js", "a")), files: ["package.json", "\u65e5\u672c.js"] },
  { name: "pax times, owners and attributes", tar: packageTar(pax({ mtime: "1700000000.123", uid: "4294967294", "SCHILY.xattr.user.x": "y", "LIBARCHIVE.creationtime": "1" }), A), files: ["package.json", "a.js"] },
  { name: "a pax size that agrees", tar: packageTar(pax({ size: "1" }), A), files: ["package.json", "a.js"] },
  { name: "the global comment of git archive", tar: archive(pax({ comment: "0123456789012345678901234567890123456789" }, "g"), packageJson(), A), files: ["package.json", "a.js"] },
  { name: "a GNU long name", tar: packageTar(gnuLongPath(`package/${"z".repeat(150)}.js`), entry(`package/${"z".repeat(92)}`, "a", { magic: "ustar  \0" })), files: ["package.json", `${"z".repeat(150)}.js`] },
  { name: "a large owner in base 256", tar: packageTar(entry("package/a.js", "a", { uid: Buffer.from([0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]) })), files: ["package.json", "a.js"] },
  { name: "a doubled slash", tar: packageTar(entry("package/lib//a.js", "a")), files: ["package.json", "lib/a.js"] },
  { name: "a dot inside", tar: packageTar(entry("package/lib/./a.js", "a")), files: ["package.json", "lib/a.js"] },
  { name: "a single empty block at the end", tar: Buffer.concat([packageJson(), A, Buffer.alloc(512)]), files: ["package.json", "a.js"] },
  { name: "padding to a full record", tar: Buffer.concat([packageTar(A), Buffer.alloc(10_240 - 3072)]), files: ["package.json", "a.js"] },
  { name: "a link inside the package, which managers leave out or resolve", tar: packageTar(A, symlink("package/lib/b.js", "../a.js"), symlink("package/c.js", "a.js")), files: ["package.json", "a.js"] },
  { name: "junk after the NUL of a name", tar: packageTar(entry(Buffer.from("package/a.js\0junk"), "a")), files: ["package.json", "a.js"] },
  { name: "a byte order mark in package.json", tar: archive(entry("package/package.json", "\ufeff{\"name\":\"fixture\"}")), files: ["package.json"] },
  { name: "latin1 in package.json", tar: archive(entry("package/package.json", Buffer.from("{\"author\":\"Jos\u00e9\"}", "latin1"))), files: ["package.json"] },
  { name: "a repeated key that says the same, or decides nothing", tar: archive(entry("package/package.json", "{\"name\":\"x\",\"name\":\"x\",\"license\":\"MIT\",\"license\":\"ISC\"}")), files: ["package.json"] },
  { name: "a broken package.json in a test folder", tar: packageTar(entry("package/test/node_modules/x/package.json", "nonsense")), files: ["package.json", "test/node_modules/x/package.json"] },
]
