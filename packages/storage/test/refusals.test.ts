import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { dirname, join } from "node:path"
import { refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import * as storage from "../src/index.ts"
import { createS3BlobStore, findObjectsCredentials, openPostgresRecords, openS3LogFiles, parseObjectsAddress, parsePostgresAddress } from "../src/index.ts"
import { parseListing } from "../src/s3/listing.ts"
import { newDirectory, ORIGIN } from "./support/places.ts"
import { newName, objectsAt, objectsForTests, postgresForTests } from "./support/servers.ts"

const postgres = postgresForTests()
const objects = objectsForTests()
const SECRET = "s3cr3t-Value"

function fileWith(text: string): string {
  const file = join(newDirectory(), "file")
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

describe("PostgreSQL addresses", () => {
  test.each([
    ["", "no postgres:// address"], ["mysql://u@h/d", "no postgres:// address"], ["postgres://u@h/d#x", "no postgres:// address"],
    ["postgres://h/d", "no user"], ["postgres://u@/d", "no host"], ["postgres://u@h", "no database"], ["postgres://u@h/", "no database"],
    ["postgres://u@h/a/b", "no database"], ["postgres://u@h:0/d", "port"], ["postgres://u@h:65536/d", "host and port"], ["postgres://u@h:x/d", "host and port"],
    ["postgres://u@h/%00", "control characters"], ["postgres://u%ZZ@h/d", "percent-encoded"], ["postgres://u@h/d?sslmode=require", "verify-full or disable"],
    ["postgres://u@h/d?sslmode=prefer", "verify-full or disable"], ["postgres://u@h/d?sslmode=", "empty"], ["postgres://u@h/d?schema=a&schema=b", "twice"],
    ["postgres://u@h/d?Schema=a", "unknown parameter"], ["postgres://u@h/d?options=-c%20fsync=off", "unknown parameter"],
    ["postgres://u@h/d?schema=A", "schema"], ["postgres://u@h/d?schema=a%22;drop", "schema"], ["postgres://u@h/d?schema=pg_catalog", "schema"],
    ["postgres://u@h/d?host=/tmp", "twice"], ["postgres://u@/d?host=tmp", "directory of a unix socket"], ["postgres://u@/d?host=/tmp&sslmode=verify-full", "unix socket"],
    ["postgres://u@h/d?sslmode=disable&sslrootcert=/x", "without TLS"], ["postgres://u@h/d?sslcert=/x", "both or none"],
    [`postgres://u:${SECRET}@h/d?password_file=/x`, "one of them"],
  ])("%s is refused", (text, says) => {
    try {
      parsePostgresAddress(text.replace("u@", `u:${SECRET}@`), {})
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) })
      expect(JSON.stringify([String(error), error])).not.toContain(SECRET)
    }
  })

  test("TLS with a verified name is the default, but for this machine", () => {
    expect(parsePostgresAddress("postgres://u@db.example/d", {})).toMatchObject({ host: "db.example", port: 5432, schema: "vouchsafe", tls: {}, password: undefined })
    expect(parsePostgresAddress("postgres://u@db.example:80/d?sslmode=disable", {})).toMatchObject({ port: 80, tls: undefined })
    expect(parsePostgresAddress("postgres://u@127.0.0.1:99/d", { PGPASSWORD: SECRET })).toMatchObject({ tls: undefined, password: SECRET })
    expect(parsePostgresAddress("postgres://u@[::1]/d", {})).toMatchObject({ host: "::1", tls: undefined })
    expect(parsePostgresAddress("postgres://u@/d?host=/run/postgresql", {})).toMatchObject({ host: "/run/postgresql", tls: undefined })
    expect(parsePostgresAddress(`postgres://u@h/d?password_file=${fileWith("pw\n")}&sslrootcert=${fileWith("CA")}`, {})).toMatchObject({ password: "pw", tls: { ca: "CA" } })
    expect(parsePostgresAddress("postgres://u:a%40b@h/d", {}).password).toBe("a@b")
    expect(() => parsePostgresAddress("postgres://u@h/d?password_file=/does/not/exist", {})).toThrow(expect.objectContaining({ code: "DISK" }))
  })
})

describe("object storage addresses", () => {
  test.each([
    ["", "no s3:// address"], ["https://h/b", "no s3:// address"], ["s3://", "bucket"], ["s3://ab", "bucket"], ["s3://Bucket", "bucket"], ["s3://a.b.c", "bucket"],
    [`s3://k:${SECRET}@bucket`, "credentials"], ["s3://bucket/../x", "prefix"], ["s3://bucket//x", "prefix"], ["s3://bucket/a b", "prefix"], ["s3://bucket/a%2fb", "prefix"],
    ["s3://bucket?x=1", "unknown parameter"], ["s3://bucket?region=", "empty"], ["s3://bucket?region=EU/x", "region"], ["s3://bucket?style=both", "style"],
    ["s3://bucket?conditional=no", "conditional"], ["s3://bucket?endpoint=ftp://h", "scheme"], ["s3://bucket?endpoint=http://store.example", "scheme"],
    ["s3://bucket?endpoint=https://store.example&tls=off", "scheme"], ["s3://bucket?endpoint=https://h/path", "path"],
    [`s3://bucket?endpoint=https://k:${SECRET}@h`, "credentials"], ["s3://bucket?endpoint=nothing", "no URL"],
  ])("%s is refused", (text, says) => {
    try {
      parseObjectsAddress(text)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) })
      expect(String(error)).not.toContain(SECRET)
    }
  })

  test("a bucket stands in the host or in the path", () => {
    expect(parseObjectsAddress("s3://bucket/a/b/?region=eu-central-1")).toMatchObject({ bucketUrl: "https://bucket.s3.eu-central-1.amazonaws.com/", prefix: "a/b/", conditional: "required" })
    expect(parseObjectsAddress("s3://bucket?endpoint=https://store.example:9000")).toMatchObject({ bucketUrl: "https://store.example:9000/bucket/", prefix: "" })
    expect(parseObjectsAddress("s3://bucket?endpoint=http://objects:9000&tls=off&style=virtual").bucketUrl).toBe("http://bucket.objects:9000/")
  })
})

describe("object storage credentials", () => {
  test.each([
    { name: "none", env: {} }, { name: "half", env: { AWS_ACCESS_KEY_ID: "a" } }, { name: "empty", env: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "" } },
    { name: "white space", env: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: `${SECRET} ` } },
    { name: "another profile", env: { AWS_SHARED_CREDENTIALS_FILE: fileWith(`[x]\naws_access_key_id=a\naws_secret_access_key=${SECRET}\n`) } },
    { name: "a broken line", env: { AWS_SHARED_CREDENTIALS_FILE: fileWith(`[default]\n${SECRET}\n`) } },
  ])("$name: refused, and nothing of it is repeated", ({ env }) => {
    try {
      findObjectsCredentials(env)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: "CONFIG_MALFORMED" })
      expect(String(error)).not.toContain(SECRET)
    }
  })

  test("from the environment, and from a file's profile", () => {
    expect(findObjectsCredentials({ AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_SESSION_TOKEN: "c" })).toEqual({ accessKeyId: "a", secretAccessKey: "b", sessionToken: "c" })
    const file = fileWith("# keys\n[default]\naws_access_key_id = d\naws_secret_access_key = e\n\n[x]\naws_access_key_id=f\naws_secret_access_key=g\n")
    expect(findObjectsCredentials({ AWS_SHARED_CREDENTIALS_FILE: file })).toEqual({ accessKeyId: "d", secretAccessKey: "e" })
    expect(findObjectsCredentials({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "x" })).toEqual({ accessKeyId: "f", secretAccessKey: "g" })
  })
})

describe("listings", () => {
  const page = (inside: string): string => `<?xml version="1.0"?>\n<ListBucketResult xmlns="x">${inside}</ListBucketResult>\n`
  test.each([
    "", "<Error><Code>X</Code></Error>", page(""), page("<IsTruncated>maybe</IsTruncated>"), page("<IsTruncated>true</IsTruncated>"),
    page("<IsTruncated>false</IsTruncated><IsTruncated>false</IsTruncated>"), page("<IsTruncated>false</IsTruncated><Contents></Contents>"),
    page("<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Key>b</Key></Contents>"), page("<IsTruncated>false</IsTruncated><Contents><Key>&nope;</Key></Contents>"),
    page("<IsTruncated>false</IsTruncated><Contents><Key>&#x110000;</Key></Contents>"), page("<IsTruncated>false</IsTruncated>").slice(0, -10),
  ])("%j is refused", (text) => {
    expect(() => parseListing(text)).toThrow(expect.objectContaining({ code: "UPSTREAM_FAILED" }))
  })

  test("keys and the token of the next page are read", () => {
    const text = page("<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken><Contents><Key>x&lt;&#65;</Key></Contents><Contents><Key>y</Key></Contents>")
    expect(parseListing(text)).toEqual({ keys: ["x<A", "y"], next: "a&b" })
  })
})

describe("servers that do not fit", () => {
  test("PostgreSQL: nobody there, a wrong password, another version of the tables", async () => {
    const nobody = parsePostgresAddress(`postgres://u:${SECRET}@127.0.0.1:1/d`, {})
    await refuses(() => openPostgresRecords({ address: nobody, log: ORIGIN }), "UNREACHABLE")
    const wrong = parsePostgresAddress(postgres().address("s").replace(postgres().password, SECRET), {})
    const error = await openPostgresRecords({ address: wrong, log: ORIGIN }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: "UNREACHABLE" })
    expect(JSON.stringify([String(error), error, String((error as Error).cause)])).not.toContain(SECRET)
    const tls = parsePostgresAddress(`${postgres().address("s")}&sslmode=verify-full`, {})
    await refuses(() => openPostgresRecords({ address: tls, log: ORIGIN }), "UNREACHABLE")
  })

  test("S3: a store that overwrites is refused where conditional writes are required", async () => {
    await refuses(() => openS3LogFiles(objectsAt(objects().port, newName())), "STATE_UNSAFE")
  })

  test("S3: wrong keys are refused without a second attempt, and are not repeated", async () => {
    const { proxy } = objects()
    proxy.failAt(0, "lost")
    const options = { ...objectsAt(proxy.port, newName()), credentials: { accessKeyId: "S3RVER", secretAccessKey: SECRET } }
    const error = await openS3LogFiles(options).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining("403 SignatureDoesNotMatch") })
    expect(JSON.stringify([String(error), error])).not.toContain(SECRET)
    expect(proxy.requests.length).toBe(1)
  })

  test("S3: an answer over its limit, a redirect and a silent store are refused", async () => {
    const server = createServer((request, response) => {
      if (request.url?.includes("aa/") === true) response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()
      else if (request.url?.includes("bb/") === true) response.writeHead(200).end(Buffer.alloc(70 * 1024 * 1024))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve)
    })
    const { port } = server.address() as { port: number }
    const blobs = createS3BlobStore({ ...objectsAt(port, "x"), attemptsMax: 1, timeoutMs: 2000 })
    await refuses(() => blobs.get("a".repeat(64)), "UPSTREAM_FAILED")
    await refuses(() => blobs.get("b".repeat(64)), "UPSTREAM_FAILED")
    const impatient = createS3BlobStore({ ...objectsAt(port, "x"), attemptsMax: 1, timeoutMs: 50 })
    await refuses(() => impatient.get("c".repeat(64)), "TIMEOUT")
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  test("S3: blobs are what their name says, or refused", async () => {
    const options = objectsAt(objects().proxy.port, newName())
    objects().proxy.failAt(0, "lost")
    const blobs = createS3BlobStore(options)
    const bytes = new TextEncoder().encode("hello")
    const sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    expect(await blobs.get(sha256)).toBe(undefined)
    await blobs.put(sha256, bytes)
    await blobs.put(sha256, bytes)
    expect(await blobs.get(sha256)).toEqual(bytes)
    await refuses(() => blobs.put("0".repeat(64), bytes), "DISK")
    await expect(blobs.get("../x")).rejects.toThrow(TypeError)
  })

  test.each(["tile/0/000.p/5", "../x", "tile/00/000", "", "tile/0/000\0"])("S3: %j becomes no key", async (path) => {
    const files = await openS3LogFiles({ ...objectsAt(objects().proxy.port, "x"), readOnly: true })
    await expect(files.readFile(path)).rejects.toThrow()
    await expect(files.putFiles([{ path, bytes: new Uint8Array(1) }])).rejects.toThrow()
  })
})

test("the package exports this, and nothing else", () => {
  expect(Object.keys(storage).filter((name) => !/^[A-Z_]+$/.test(name)).sort()).toEqual([
    "combineStorage", "createS3BlobStore", "findObjectsCredentials", "nodeStorage", "openPostgresRecords", "openPostgresSnapshots", "openPostgresWitnessStore",
    "openPublishedEdge", "openS3LogFiles", "openSharedSnapshots", "openSharedStorage", "parseObjectsAddress", "parsePostgresAddress", "partialPaths", "standBy",
  ])
})
