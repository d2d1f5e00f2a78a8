import { describe, expect, test } from "vitest"
import { isNamedAnother } from "../src/place-names.ts"
import type { Place } from "../src/types.ts"

const at = (path: string, alias: string): Place => ({ path, alias, layout: path.endsWith(".zip") ? "archive" : "isolated" })
const pnpm = (folder: string, alias: string): Place => at(`node_modules/.pnpm/${folder}/node_modules/${alias}`, alias)
const yarn = (slug: string): Place => at(`.yarn/cache/${slug}.zip`, "")

describe("as its manager names it", () => {
  test.each<{ place: Place; name: string; version?: string; isRelease?: boolean }>([
    { place: pnpm("a@1.0.0", "a"), name: "a" },
    { place: pnpm("@s+a@1.0.0", "@s/a"), name: "@s/a" },
    { place: pnpm("a@1.0.0_b@2.0.0", "a"), name: "a" },
    { place: pnpm("a@1.0.0(b@2.0.0)", "a"), name: "a" },
    { place: pnpm("a@1.0.0_patch_hash=abc", "a"), name: "a" },
    { place: pnpm("JSONStream@1.3.5", "JSONStream"), name: "JSONStream", version: "1.3.5" },
    { place: pnpm("@scope+a-package-with-a-rather-long-name@1.0.0_@scope+another-of-these@1.0.0_@sc_0123456789abcdef0123456789abcdef", "@scope/a-package-with-a-rather-long-name"), name: "@scope/a-package-with-a-rather-long-name" },
    { place: pnpm("@a-scope-of-some-length+a-package-whose-name-is-so-long-that-its-version-is_0123456789abcdef0123456789", "@a-scope-of-some-length/a-package-whose-name-is-so-long-that-its-version-is-cut"), name: "@a-scope-of-some-length/a-package-whose-name-is-so-long-that-its-version-is-cut" },
    { place: pnpm("a@https+++codeload.example+a+tar.gz+abc", "a"), name: "a", isRelease: false },
    { place: pnpm("other@file+vendor+other.tgz", "other"), name: "a", isRelease: false },
    { place: yarn("a-npm-1.0.0-0123456789-8.zip"), name: "a" },
    { place: yarn("@s-a-npm-1.0.0-0123456789-8"), name: "@s/a" },
    { place: yarn("a-npm-1.0.0-0123456789-8"), name: "a", version: "1.0.0+build" },
    { place: yarn("a-patch-0123456789-8"), name: "a" },
    { place: yarn("b-https-0123456789-8"), name: "a", isRelease: false },
    { place: at(".yarn/unplugged/a-virtual-0123456789/node_modules/a", "a"), name: "a" },
    { place: at("node_modules/.store/a-npm-1.0.0-0123456789/package", "a"), name: "a" },
    { place: at(".yarn/unplugged/b-npm-1.0.0-0123456789/node_modules/b/node_modules/a", "a"), name: "a" },
    { place: at("node_modules/.pnpm/b@1.0.0/node_modules/b/node_modules/a", "a"), name: "a" },
    { place: at("node_modules/.store/b@1.0.0-_2FWj0hXxKyZm8LPkRcOUw/node_modules/b/node_modules/a", "a"), name: "a" },
    { place: at("node_modules/.store/a@1.0.0-_2FWj0hXxKyZm8LPkRcOUw/node_modules/a", "a"), name: "a" },
    { place: at("node_modules/.store/@s/a@1.0.0-_2FWj0hXxKyZm8LPkRcOUw/node_modules/@s/a", "@s/a"), name: "@s/a" },
    { place: at("node_modules/anything", "anything"), name: "a" },
  ])("$name in $place.path", ({ place, name, version = "1.0.0", isRelease = true }) => {
    expect(isNamedAnother(place, name, version, isRelease)).toBe(false)
  })
})

describe("another one", () => {
  test.each<{ place: Place; name?: string; version?: string; isRelease?: boolean }>([
    { place: pnpm("b@1.0.0", "b") },
    { place: pnpm("b@1.0.0", "b"), isRelease: false },
    { place: pnpm("b@1.0.0", "a") },
    { place: pnpm("a@1.0.0", "a"), version: "0.9.0" },
    { place: pnpm("a@1.0.0", "a"), version: "0.9.0", isRelease: false },
    { place: pnpm("a@1.0.0", "a"), version: "1.0.0-rc.1" },
    { place: pnpm("a@1.0.01", "a") },
    { place: pnpm("a@1.0.0-rc.1", "a") },
    { place: pnpm("a@1.0.0_b@2.0.0", "a"), version: "1.0" },
    { place: pnpm("@s+a@1.0.0", "@s/a") },
    { place: pnpm("a@https+++codeload.example+a+tar.gz+abc", "a") },
    { place: yarn("b-npm-1.0.0-0123456789-8") },
    { place: yarn("a-npm-1.0.0-0123456789-8"), version: "0.9.0" },
    { place: yarn("a-npm-1.0.0-0123456789-8"), version: "0.9.0", isRelease: false },
    { place: yarn("a-npm-1.0.0-rc.1-0123456789-8"), version: "1.0.0-rc" },
    { place: yarn("a-npm-1.0.0-rc.1-0123456789-8") },
    { place: yarn("a-b-npm-1.0.0-0123456789-8") },
    { place: yarn("a-https-0123456789-8") },
    { place: at(".yarn/unplugged/b-npm-1.0.0-0123456789/node_modules/a", "a") },
    { place: at("node_modules/.store/b@1.0.0-_2FWj0hXxKyZm8LPkRcOUw/node_modules/b", "b") },
    { place: at("node_modules/.store/a@2.0.0-_2FWj0hXxKyZm8LPkRcOUw/node_modules/a", "a") },
    { place: at("node_modules/.store/a-npm-2.0.0-0123456789/package", "a") },
  ])("$name $version in $place.path", ({ place, name = "a", version = "1.0.0", isRelease = true }) => {
    expect(isNamedAnother(place, name, version, isRelease)).toBe(true)
  })
})
