/**
 * What packuments said before, in one SQLite file. It only helps to compare: where it is removed, the memory begins anew.
 *
 * @packageDocumentation
 */
import type { HistoryStore, ListedVersion } from "@vouchsafe/ports"
import type { DatabaseSync } from "node:sqlite"
import { inTransaction, openStore, runOnDisk, type Tables } from "@vouchsafe/sqlite"
import { FORGOTTEN_SHARE, PACKAGES_REMEMBERED_MAX, RELEASES_PER_PACKAGE_MAX, RELEASES_REMEMBERED_MAX } from "./limits.ts"

const TABLES: Tables = {
  version: 1, hint: "remove it: the node goes on without what it remembers",
  sql: `
CREATE TABLE packages (number INTEGER PRIMARY KEY, registry TEXT NOT NULL, name TEXT NOT NULL, readAt INTEGER NOT NULL, versions TEXT NOT NULL, UNIQUE (registry, name));
CREATE INDEX packagesByReading ON packages (readAt);
CREATE TABLE releases (registry TEXT NOT NULL, publisher TEXT NOT NULL, publishedAt INTEGER NOT NULL, package INTEGER NOT NULL,
  PRIMARY KEY (registry, publisher, publishedAt, package)) WITHOUT ROWID;
CREATE INDEX releasesByPackage ON releases (package);
`,
}

/** The versions of the last reading: Unix seconds of the reading before their first one, 0 for those that every reading listed. */
type Remembered = readonly (readonly [version: string, notBefore: number])[]

/** How much is kept; tests keep less. */
export interface HistoryBounds {
  readonly packages: number
  readonly releases: number
}

const BOUNDS: HistoryBounds = { packages: PACKAGES_REMEMBERED_MAX, releases: RELEASES_REMEMBERED_MAX }

/** Opens the file, making it where there is none. @throws VouchsafeError DISK, STATE_UNSAFE for tables of another version. */
export function openHistoryStore(path: string, bounds: HistoryBounds = BOUNDS): HistoryStore & { close(): void } {
  // A crash may lose the last readings and nothing else.
  return runOnDisk(`history ${path}`, () => openStore(path, { tables: TABLES, keeps: "file" }, (database) => storeOver(database, path, bounds)))
}

function storeOver(database: DatabaseSync, path: string, bounds: HistoryBounds): HistoryStore & { close(): void } {
  const sql = (text: string) => database.prepare(text)
  const statements = {
    find: sql("SELECT number, readAt, versions FROM packages WHERE registry = ? AND name = ?"),
    add: sql("INSERT INTO packages (registry, name, readAt, versions) VALUES (?, ?, ?, ?)"),
    touch: sql("UPDATE packages SET readAt = ? WHERE number = ?"),
    update: sql("UPDATE packages SET readAt = ?, versions = ? WHERE number = ?"),
    release: sql("INSERT OR IGNORE INTO releases (registry, publisher, publishedAt, package) VALUES (?, ?, ?, ?)"),
    count: sql("SELECT count(DISTINCT package) AS count FROM releases WHERE registry = ? AND publisher = ? AND publishedAt BETWEEN ? AND ? AND package IS NOT (SELECT number FROM packages WHERE registry = ? AND name = ?)"),
    sizes: sql("SELECT (SELECT count(*) FROM packages) AS packages, (SELECT count(*) FROM releases) AS releases"),
    oldest: sql("SELECT number FROM packages ORDER BY readAt, number LIMIT ?"),
    dropReleases: sql("DELETE FROM releases WHERE package = ?"),
    dropPackage: sql("DELETE FROM packages WHERE number = ?"),
  }
  const numberIn = (row: Record<string, unknown> | undefined, column: string): number => Number(row?.[column] ?? 0)
  const size = statements.sizes.get()
  let isOpen = true
  let [packages, releases] = [numberIn(size, "packages"), numberIn(size, "releases")]

  const forget = (): void => {
    while (packages > bounds.packages || releases > bounds.releases) {
      const rows = statements.oldest.all(Math.max(1, Math.ceil(packages * FORGOTTEN_SHARE)))
      for (const row of rows) {
        releases -= Number(statements.dropReleases.run(numberIn(row, "number")).changes)
        packages -= Number(statements.dropPackage.run(numberIn(row, "number")).changes)
      }
      if (rows.length === 0) return
    }
  }
  const keepReleases = (registry: string, number: number, versions: readonly ListedVersion[]): void => {
    const dated = versions.filter(({ publishedAt, publisher }) => publishedAt !== null && publisher !== null)
    const newest = dated.sort((a, b) => (b.publishedAt as number) - (a.publishedAt as number)).slice(0, RELEASES_PER_PACKAGE_MAX)
    for (const { publisher, publishedAt } of newest) releases += Number(statements.release.run(registry, publisher, publishedAt, number).changes)
  }
  const record = (reading: Parameters<HistoryStore["record"]>[0]): ReadonlyMap<string, number> => {
    const { registry, name, readAt, versions } = reading
    const row = statements.find.get(registry, name)
    const known = row === undefined ? undefined : new Map(JSON.parse(String(row["versions"])) as Remembered)
    const lastAt = numberIn(row, "readAt")
    if (known !== undefined && readAt <= lastAt) return sinceWhen([...known])
    const now: Remembered = versions.map(({ version }) => [version, known === undefined ? 0 : known.get(version) ?? lastAt])
    if (known === undefined) {
      packages += 1
      keepReleases(registry, Number(statements.add.run(registry, name, readAt, JSON.stringify(now)).lastInsertRowid), versions)
    } else if (now.length === known.size && now.every(([version]) => known.has(version))) {
      statements.touch.run(readAt, numberIn(row, "number"))
    } else {
      statements.update.run(readAt, JSON.stringify(now), numberIn(row, "number"))
      keepReleases(registry, numberIn(row, "number"), versions)
    }
    forget()
    return sinceWhen(now)
  }
  return {
    record: (reading) => settled(path, () => inTransaction(database, () => record(reading))),
    countPackages: ({ registry, publisher, from, to, except }) => settled(path, () => numberIn(statements.count.get(registry, publisher, from, to, registry, except), "count")),
    close() {
      if (isOpen) database.close()
      isOpen = false
    },
  }
}

function sinceWhen(versions: Remembered): ReadonlyMap<string, number> {
  return new Map(versions.filter(([, notBefore]) => notBefore > 0))
}

async function settled<T>(path: string, work: () => T): Promise<T> {
  return runOnDisk(`history ${path}`, work)
}
