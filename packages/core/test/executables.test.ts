import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import { executablesOf, nobleCrypto } from "../src/index.ts"

const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

test.each([
  { name: "none", paths: [], text: "" },
  { name: "several, in byte order", paths: ["lib/b", "bin", "lib/a"], text: "bin\nlib/a\nlib/b\n" },
  { name: "bytes and not units of UTF-16 decide", paths: ["\u{10000}", "\uff5e"], text: "\uff5e\n\u{10000}\n" },
  { name: "paths are ordered, not lines: a tab comes before a line feed", paths: ["a\t", "a"], text: "a\na\t\n" },
])("executables: $name", ({ paths, text }) => {
  expect(executablesOf(nobleCrypto, paths)).toEqual({ count: paths.length, sha256: sha256(text) })
})
