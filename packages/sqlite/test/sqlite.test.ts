import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { asDiskError, bytesIn, inTransaction, numberIn, openDatabase, openStore, type OpenOptions, runOnDisk, textIn } from "../src/index.ts"

const TABLES = { version: 3, hint: "remove it", sql: "CREATE TABLE words (word TEXT PRIMARY KEY, bytes BLOB) WITHOUT ROWID;" }
const ALONE: OpenOptions = { tables: TABLES, keeps: "commits" }
const SHARED: OpenOptions = { tables: TABLES, keeps: "file", sharedWaitMs: 0 }

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-sqlite-"))
  file = join(folder, "words.sqlite")
})
afterEach(() => rmSync(folder, { recursive: true }))

const thrown = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
const words = (database: ReturnType<typeof openDatabase>): unknown[] => database.prepare("SELECT word FROM words ORDER BY word").all().map(({ word }) => word)
const add = (database: ReturnType<typeof openDatabase>, word: string): unknown => database.prepare("INSERT INTO words (word) VALUES (?)").run(word)

describe("a file", () => {
  test.each([["alone", ALONE], ["shared", SHARED]])("is made with its tables for its owner's eyes, and opened again: %s", (_, options) => {
    const made = openDatabase(file, options)
    inTransaction(made, () => add(made, "a"))
    made.close()
    chmodSync(file, 0o644)
    const again = openDatabase(file, options)
    expect(words(again)).toEqual(["a"])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    again.close()
  })

  test("of another version is refused with what to do about it, and given back", () => {
    openDatabase(file, { ...ALONE, tables: { ...TABLES, version: 2 } }).close()
    expect(thrown(() => openDatabase(file, ALONE))).toMatchObject({ code: "STATE_UNSAFE", hint: "remove it", message: `${file} has tables of version 2, expected 3` })
    openDatabase(file, { ...ALONE, tables: { ...TABLES, version: 2 } }).close()
  })

  test("is given back where what is made over it fails", () => {
    expect(thrown(() => openStore(file, ALONE, () => { throw new VouchsafeError("DISK", "no") }))).toMatchObject({ code: "DISK", message: "no" })
    openStore(file, ALONE, (database) => database).close()
  })

  test("that is held is said to be; one that may be shared is not, and its writer is waited for in vain", () => {
    const held = openDatabase(file, ALONE)
    expect(asDiskError("open", thrown(() => openDatabase(file, ALONE)))).toMatchObject({ code: "STATE_UNSAFE", message: "open: it is open in another process" })
    held.close()
    const [one, other] = [openDatabase(file, SHARED), openDatabase(file, SHARED)]
    one.exec("BEGIN IMMEDIATE")
    expect(asDiskError("write", thrown(() => inTransaction(other, () => add(other, "a"))), { isShared: true })).toMatchObject({ code: "DISK", message: "write: database is locked" })
    one.exec("ROLLBACK")
    inTransaction(other, () => add(other, "b"))
    expect(words(one)).toEqual(["b"])
    for (const each of [one, other]) each.close()
  })

  test("that is none of SQLite's is damaged", () => {
    writeFileSync(file, "no database, and long enough to be told apart from an empty one ".repeat(20))
    const error = thrown(() => openDatabase(file, ALONE))
    expect(asDiskError("open", error)).toMatchObject({ code: "DISK" })
    expect(asDiskError("open", error, { damaged: "LOG_BROKEN", hint: "look" })).toMatchObject({ code: "LOG_BROKEN", hint: "look" })
  })
})

describe("a transaction", () => {
  test("that throws leaves nothing behind, and the next one goes", () => {
    openStore(file, ALONE, (database) => {
      expect(thrown(() => inTransaction(database, () => {
        add(database, "a")
        throw new RangeError("no")
      }))).toEqual(new RangeError("no"))
      expect(inTransaction(database, () => {
        add(database, "b")
        return "result"
      })).toBe("result")
      expect(words(database)).toEqual(["b"])
      database.close()
    })
  })

  test("that SQLite rolled back by itself says why it did", () => {
    openStore(file, ALONE, (database) => {
      inTransaction(database, () => add(database, "a"))
      const error = thrown(() => inTransaction(database, () => {
        add(database, "b")
        database.exec("INSERT OR ROLLBACK INTO words (word) VALUES ('a')")
      }))
      expect(String(error)).toContain("UNIQUE constraint failed")
      inTransaction(database, () => add(database, "c"))
      expect(words(database)).toEqual(["a", "c"])
      database.close()
    })
  })

  test("that cannot be undone is a failure of the disk, with what failed first as its cause", () => {
    const database = openDatabase(file, ALONE)
    const first = new TypeError("no")
    const error = thrown(() => inTransaction(database, () => {
      database.close()
      throw first
    }))
    expect(error).toMatchObject({ code: "DISK", cause: first })
  })
})

describe("what was thrown", () => {
  test("typed errors and bugs pass", () => {
    const [typed, bug] = [new VouchsafeError("LOG_BROKEN", "x"), new TypeError("x")]
    expect(asDiskError("read", typed)).toBe(typed)
    expect(asDiskError("read", bug)).toBe(bug)
    expect(thrown(() => runOnDisk("read", () => { throw bug }))).toBe(bug)
  })

  test("all else is the disk's", () => {
    const error = thrown(() => runOnDisk("read f", () => { throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" }) }, { hint: "look" }))
    expect(isVouchsafeError(error, "DISK")).toBe(true)
    expect(error).toMatchObject({ message: "read f: EIO: i/o error", hint: "look" })
  })
})

test.each([
  { name: "a number", read: () => numberIn({ a: "1" }, "a"), says: "column a holds string, expected a number" },
  { name: "text", read: () => textIn({ a: 1 }, "a"), says: "column a holds number, expected text" },
  { name: "bytes", read: () => bytesIn(undefined, "a"), says: "column a holds undefined, expected bytes" },
])("a column without $name is refused", ({ read, says }) => {
  expect(thrown(read)).toMatchObject({ code: "DISK", message: `database: ${says}` })
})

test("a column with it is read", () => {
  expect([numberIn({ a: 1 }, "a"), textIn({ a: "x" }, "a"), bytesIn({ a: new Uint8Array([1]) }, "a")]).toEqual([1, "x", new Uint8Array([1])])
})
