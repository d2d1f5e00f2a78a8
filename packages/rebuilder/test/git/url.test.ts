import { describe, expect, test } from "vitest"
import { checkGitUrl, normaliseDirectory, normaliseRepository } from "../../src/git/url.ts"

const RULES = { protocols: ["https"], hosts: ["github.com", "git.example:8443", "[::1]"] } as const

describe("what git is never given", () => {
  test.each([
    { name: "nothing", url: "", says: "expected an URL" },
    { name: "an option", url: "-uhttps://github.com/a/b", says: "expected an URL" },
    { name: "an option in two dashes", url: "--upload-pack=touch /tmp/x", says: "expected an URL" },
    { name: "a program", url: "ext::sh -c touch% /tmp/x", says: "expected an URL" },
    { name: "a program behind a scheme", url: "ext::https://github.com/a/b", says: "expected an URL" },
    { name: "an open file", url: "fd::7", says: "expected an URL" },
    { name: "a path", url: "/etc", says: "expected an URL" },
    { name: "a relative path", url: "../b", says: "expected an URL" },
    { name: "ssh", url: "ssh://git@github.com/a/b", says: "expected an URL" },
    { name: "scp-like", url: "git@github.com:a/b", says: "expected an URL" },
    { name: "git's own protocol", url: "git://github.com/a/b", says: "expected an URL" },
    { name: "ftp", url: "ftp://github.com/a/b", says: "expected an URL" },
    { name: "a scheme in capitals", url: "HTTPS://github.com/a/b", says: "expected an URL" },
    { name: "http", url: "http://github.com/a/b", says: "protocol is http" },
    { name: "a file", url: "file:///etc", says: "protocol is file" },
    { name: "a user", url: "https://git@github.com/a/b", says: "user or a password" },
    { name: "a token", url: "https://token:x@github.com/a/b", says: "user or a password" },
    { name: "an empty user", url: "https://@github.com/a/b", says: "user or a password" },
    { name: "a host hidden behind a user", url: "https://github.com:x@evil.example/a/b", says: "user or a password" },
    { name: "another host", url: "https://evil.example/a/b", says: '"evil.example"' },
    { name: "a host that ends like an allowed one", url: "https://evilgithub.com/a/b", says: "not among those" },
    { name: "a host that starts like an allowed one", url: "https://github.com.evil.example/a/b", says: "not among those" },
    { name: "a host with a dot at its end", url: "https://github.com./a/b", says: "plain lower-case name" },
    { name: "a host in capitals", url: "https://GitHub.com/a/b", says: "plain lower-case name" },
    { name: "a host beyond ASCII", url: "https://gіthub.com/a/b", says: "plain lower-case name" },
    { name: "an allowed host at another port", url: "https://github.com:8443/a/b", says: "not among those" },
    { name: "an allowed host at no port", url: "https://github.com:/a/b", says: "plain lower-case name" },
    { name: "another port of an own host", url: "https://git.example/a/b", says: "not among those" },
    { name: "a port that is none", url: "https://git.example:99999/a/b", says: "port" },
    { name: "an address of this machine", url: "https://127.0.0.1/a/b", says: "not among those" },
    { name: "no host", url: "https:///a/b", says: "plain lower-case name" },
    { name: "no path", url: "https://github.com", says: "expected an URL" },
    { name: "an empty path", url: "https://github.com/", says: "path" },
    { name: "a slash at the end", url: "https://github.com/a/b/", says: "path" },
    { name: "two slashes", url: "https://github.com//a/b", says: "path" },
    { name: "dots", url: "https://github.com/a/../b", says: "path" },
    { name: "dots in disguise", url: "https://github.com/a/%2e%2e/b", says: "path" },
    { name: "an option as a name", url: "https://github.com/-u/b", says: "path" },
    { name: "a query", url: "https://github.com/a/b?x=y", says: "path" },
    { name: "a fragment", url: "https://github.com/a/b#main", says: "path" },
    { name: "a blank", url: "https://github.com/a/b c", says: "path" },
    { name: "a newline", url: "https://github.com/a/b\n--upload-pack=x", says: "expected an URL" },
    { name: "a NUL", url: "https://github.com/a/b\0", says: "path" },
    { name: "a backslash", url: "https://github.com\\@evil.example/a/b", says: "user or a password" },
    { name: "a shell's doing", url: "https://github.com/a/$(id)", says: "path" },
    { name: "too long", url: `https://github.com/${"a".repeat(2048)}`, says: "at most 2048" },
  ])("$name", ({ url, says }) => {
    const answer = checkGitUrl(url, RULES)
    expect(answer.ok).toBe(false)
    expect(answer.ok ? "" : answer.reason).toContain(says)
  })

  test("what it is given is written anew from its parts", () => {
    expect(checkGitUrl("https://github.com:443/a/b.git", RULES)).toEqual({ ok: true, url: "https://github.com/a/b.git", protocol: "https", host: "github.com", path: "/a/b.git" })
    expect(checkGitUrl("https://git.example:8443/a/~b", RULES)).toMatchObject({ ok: true, url: "https://git.example:8443/a/~b" })
    expect(checkGitUrl("https://[::1]/a/b", RULES)).toMatchObject({ ok: true, host: "[::1]" })
    expect(checkGitUrl("file:///srv/b.git", { protocols: ["file"], hosts: [] })).toEqual({ ok: true, url: "file:///srv/b.git", protocol: "file", host: null, path: "/srv/b.git" })
    expect(checkGitUrl("file://host/srv/b.git", { protocols: ["file"], hosts: [] })).toMatchObject({ ok: false })
  })
})

describe("the repository field", () => {
  test.each([
    { name: "missing", field: undefined, says: "not given" },
    { name: "null", field: null, says: "not given" },
    { name: "a number", field: 7, says: "number" },
    { name: "a list", field: ["a/b"], says: "object" },
    { name: "an object without url", field: { type: "git" }, says: "not given" },
    { name: "an object with an object", field: { url: {} }, says: "object" },
    { name: "empty", field: "", says: "names none" },
    { name: "blank", field: { url: "  " }, says: "names none" },
    { name: "unknown", field: "Unknown", says: "names none" },
    { name: "n/a", field: "n/a", says: "names none" },
    { name: "a dash", field: "-", says: "names none" },
    { name: "prose", field: "see our website", says: "no address" },
    { name: "an option", field: "--upload-pack=x", says: "no address" },
    { name: "a program", field: "ext::sh -c id", says: "no address" },
    { name: "a program behind slashes", field: "ext::sh://x/y", says: "no address" },
    { name: "a strange scheme", field: "svn://host/a/b", says: "scheme" },
    { name: "javascript", field: "javascript://github.com/a/b", says: "scheme" },
    { name: "a password", field: "https://u:p@github.com/a/b", says: "password" },
    { name: "a token as user", field: "git+https://token@github.com/a/b.git", says: "password" },
    { name: "a password over ssh", field: "ssh://git:p@github.com/a/b", says: "password" },
    { name: "a query", field: "https://github.com/a/b?x", says: "query" },
    { name: "a host alone", field: "https://github.com/", says: "no path" },
    { name: "a gitlab shorthand without owner", field: "gitlab:name", says: "no address" },
    { name: "a directory above", field: { url: "a/b", directory: "../x" }, says: "no folder" },
    { name: "a directory in git's own", field: { url: "a/b", directory: ".git/hooks" }, says: "no folder" },
    { name: "a directory with a backslash", field: { url: "a/b", directory: "x\\y" }, says: "no folder" },
    { name: "a directory that is a number", field: { url: "a/b", directory: 7 }, says: "no folder" },
    { name: "too long", field: "a".repeat(3000), says: "at most 2048" },
  ])("refused: $name", ({ field, says }) => {
    const answer = normaliseRepository(field)
    expect(answer.ok).toBe(false)
    expect(answer.ok ? "" : answer.reason).toContain(says)
  })

  test.each([
    ["https://github.com/a/b", "https://github.com/a/b", ""],
    ["https://github.com/a/b.git", "https://github.com/a/b.git", ""],
    ["https://github.com/a/b/", "https://github.com/a/b", ""],
    ["https://github.com/a/b#readme", "https://github.com/a/b", ""],
    ["https://www.github.com/a/b", "https://github.com/a/b", ""],
    ["http://github.com/a/b", "https://github.com/a/b", ""],
    ["git://github.com/a/b.git", "https://github.com/a/b.git", ""],
    ["git+https://github.com/a/b.git", "https://github.com/a/b.git", ""],
    ["git+ssh://git@github.com/a/b.git", "https://github.com/a/b.git", ""],
    ["ssh://git@git.example:2222/a/b.git", "https://git.example/a/b.git", ""],
    ["https://git.example:8443/a/b.git", "https://git.example:8443/a/b.git", ""],
    ["git@github.com:a/b.git", "https://github.com/a/b.git", ""],
    ["github:a/b", "https://github.com/a/b", ""],
    ["GitLab:group/sub/b", "https://gitlab.com/group/sub/b", ""],
    ["bitbucket:a/b", "https://bitbucket.org/a/b", ""],
    ["gist:0123abc", "https://gist.github.com/0123abc", ""],
    ["a/b", "https://github.com/a/b", ""],
    ["a/b#v1", "https://github.com/a/b", ""],
    ["github.com/a/b", "https://github.com/a/b", ""],
    [" a/b.js ", "https://github.com/a/b.js", ""],
    ["https://github.com/a/b/tree/main/packages/c", "https://github.com/a/b", "packages/c"],
    ["https://github.com/a/b/tree/main", "https://github.com/a/b", ""],
    ["https://github.com/a/b/blob/main/README.md", "https://github.com/a/b", ""],
    ["https://gitlab.com/a/b/-/tree/main/c", "https://gitlab.com/a/b", "c"],
  ])("%s", (field, url, directory) => {
    expect(normaliseRepository(field)).toEqual({ ok: true, url, directory })
    expect(normaliseRepository({ type: "git", url: field })).toEqual({ ok: true, url, directory })
    expect(checkGitUrl(url, { protocols: ["https"], hosts: [new URL(url).host] })).toMatchObject({ ok: true, url })
  })

  test("directory: the field's own goes before a browser's", () => {
    expect(normaliseRepository({ url: "https://github.com/a/b/tree/main/x", directory: "./packages//c/" })).toMatchObject({ directory: "packages/c" })
    expect(normaliseRepository({ url: "a/b", directory: "." })).toMatchObject({ directory: "" })
    expect(normaliseDirectory("/packages/c")).toBe("packages/c")
    expect(normaliseDirectory("-x")).toBeUndefined()
    expect(normaliseDirectory("a/\u202eb")).toBeUndefined()
  })

  test("http and file stay only where they are allowed", () => {
    expect(normaliseRepository("http://git.example/a/b", ["https", "http"])).toMatchObject({ url: "http://git.example/a/b" })
    expect(normaliseRepository("file:///srv/a.git", ["file"])).toMatchObject({ url: "file:///srv/a.git" })
    const file = normaliseRepository("git+file:///srv/a.git")
    expect(file.ok && checkGitUrl(file.url, RULES)).toMatchObject({ ok: false })
  })
})
