/**
 * Packuments as they are read: each reading goes into the store, so that observations that run at the same time know of each other's packages.
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, HistoryStore, RegistrySource, Timers } from "@vouchsafe/ports"
import { createSemaphore } from "../semaphore.ts"
import { EXPECTED_MAX, EXPECTED_RUNNING_MAX, EXPECTED_WAIT_MS, READING_STALE_SECONDS } from "./limits.ts"
import { readReleases, type Releases } from "./releases.ts"

/** A packument's releases, and when this attester last knew better. */
export interface Reading {
  readonly releases: Releases
  readonly maintainers: unknown
  /** Unix seconds at which a version was not there yet, by version. */
  readonly notBefore: ReadonlyMap<string, number>
}

/** @see createReadings */
export interface Readings {
  /** Undefined where the registry has no such package. Rejects as the source does. */
  read(registry: string, name: string, signal: AbortSignalLike): Promise<Reading | undefined>
  /** Begins to read packages that will be observed. Returns at once; what fails is found again by the observation. */
  expect(packages: readonly { readonly registry: string; readonly name: string }[]): void
  /** Settles when what is expected now has been read, or after {@link EXPECTED_WAIT_MS}. Never rejects. */
  settled(): Promise<void>
  /** Counts other packages that somebody released around a time; 0 where nobody remembers. */
  countPackages(query: Parameters<HistoryStore["countPackages"]>[0]): Promise<number>
}

/** What it works with. Without timers it waits for as long as reading takes. */
export interface ReadingsOptions {
  readonly source: Pick<RegistrySource, "packument">
  readonly store: HistoryStore | undefined
  readonly timers: Timers | undefined
}

const NEVER: AbortSignalLike = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined }

/** Makes it. */
export function createReadings({ source, store, timers }: ReadingsOptions): Readings {
  const expected = new Map<string, Promise<void>>()
  const running = createSemaphore(EXPECTED_RUNNING_MAX, EXPECTED_MAX * 4)

  const record = async (registry: string, name: string, { readAt, all }: Releases): Promise<ReadonlyMap<string, number>> => {
    const versions = all.map(({ version, publishedAt, publisher }) => ({ version, publishedAt, publisher: publisher === null || publisher.isShared ? null : publisher.key }))
    const known = await remembered(() => store?.record({ registry, name, readAt, versions }))
    return new Map([...known ?? []].map(([version, seconds]) => [version, Math.max(0, seconds - READING_STALE_SECONDS)]))
  }
  const read: Readings["read"] = async (registry, name, signal) => {
    const overview = await source.packument({ name, registry, signal })
    if (overview === undefined) return undefined
    const releases = readReleases(overview)
    return { releases, maintainers: overview.maintainers, notBefore: await record(registry, name, releases) }
  }
  const ahead = async (registry: string, name: string): Promise<void> => {
    const release = await running.acquire(1, NEVER)
    if (release === undefined) return
    try {
      await read(registry, name, NEVER)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
    } finally {
      release()
    }
  }
  return {
    read,
    expect(packages) {
      for (const { registry, name } of packages.slice(0, EXPECTED_MAX)) {
        const key = `${registry} ${name}`
        if (store === undefined || expected.has(key)) continue
        expected.set(key, ahead(registry, name).finally(() => expected.delete(key)))
      }
    },
    async settled() {
      if (expected.size === 0) return
      const all = Promise.all(expected.values()).then(() => undefined)
      if (timers === undefined) return all
      let cancel = (): void => undefined
      await Promise.race([all, new Promise<void>((resolve) => { cancel = timers.after(EXPECTED_WAIT_MS, resolve) })])
      cancel()
    },
    countPackages: async (query) => await remembered(() => store?.countPackages(query)) ?? 0,
  }
}

/** A memory that fails costs no observation: it only says less. */
async function remembered<T>(ask: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}
