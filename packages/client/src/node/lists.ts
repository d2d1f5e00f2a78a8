/**
 * The lists of known-malicious packages that a policy subscribes to, as `vouchsafe lists update` left them on disk (spec/lists.md). Clients
 * read them and never fetch them: a list that is missing, damaged or too old has a problem, which refuses everything.
 *
 * @packageDocumentation
 */
import { readFileSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { CLOCK_SKEW_SECONDS_MAX, isVouchsafeError, type MaliciousList, type Policy } from "@vouchsafe/core"
import { digestOf } from "./crypto.ts"
import { diskError, requirePrivateDirectory, systemCode, writeFileAtomic } from "./files.ts"
import { formatList, LIST_BYTES_MAX, type ListEntry, openList, type OpenedList } from "./list-file.ts"
import { type Env, stateDirectory } from "./paths.ts"

export type ListSubscription = Policy["lists"][number]

/** A policy whose lists name their sources wherever they are read: paths are relative to the policy's own file. */
export function placeLists(policy: Policy, dir: string): Policy {
  return policy.lists.length === 0 ? policy : { ...policy, lists: policy.lists.map((list) => ({ ...list, source: isListUrl(list.source) ? list.source : resolve(dir, list.source) })) }
}

/** Tells whether a source is fetched rather than read. */
export function isListUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

/** Where the lists are: beside the memory of logs. */
export function listsDirectory(env: Env): string {
  return join(dirname(stateDirectory(env)), "lists")
}

/** The file of a subscription. Another source under the same name is another list. */
export function listPath(env: Env, { name, source }: Pick<ListSubscription, "name" | "source">): string {
  return join(listsDirectory(env), `${digestOf(`${name}\n${source}`)}.list`)
}

/** A subscription with what is on disk of it. */
export interface KeptList {
  readonly subscription: ListSubscription
  readonly list?: OpenedList
  /** Why it refuses everything. */
  readonly problem?: string
}

/** Reads one subscription's list. Whatever is wrong with it is its problem, never an exception. */
export function readList(env: Env, subscription: ListSubscription, nowSeconds: number): KeptList {
  const label = `the list ${subscription.name}`
  try {
    const bytes = bytesOf(env, listPath(env, subscription))
    if (bytes === undefined) return { subscription, problem: `${label} was never fetched` }
    const list = openList(bytes)
    if (list.name !== subscription.name || list.source !== subscription.source) return { subscription, problem: `${label} on disk is another one` }
    const age = nowSeconds - list.fetched
    if (age < -CLOCK_SKEW_SECONDS_MAX) return { subscription, list, problem: `${label} was fetched ${-age} s in the future of this machine's clock` }
    if (age > subscription.maxAgeSeconds) return { subscription, list, problem: `${label} was fetched ${age} s ago, expected at most ${subscription.maxAgeSeconds} s` }
    return { subscription, list }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { subscription, problem: `${label} on disk cannot be used: ${error.message}` }
  }
}

function bytesOf(env: Env, path: string): Buffer | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return undefined
    requirePrivateDirectory(listsDirectory(env))
    // The digest finds what a read past this bound would leave out.
    return stats.size > LIST_BYTES_MAX ? Buffer.alloc(0) : readFileSync(path)
  } catch (error) {
    if (isVouchsafeError(error) || systemCode(error) === undefined) throw error
    throw diskError(`reading ${path}`, error)
  }
}

/** Keeps what a subscription's source said, whole or not at all. @throws VouchsafeError STATE_UNSAFE, DISK. */
export function writeList(env: Env, { name, source }: Pick<ListSubscription, "name" | "source">, fetched: number, entries: Iterable<ListEntry>): void {
  const bytes = formatList({ name, source, fetched }, entries)
  requirePrivateDirectory(listsDirectory(env))
  writeFileAtomic(listPath(env, { name, source }), bytes, { durable: true })
}

/**
 * What a policy subscribes to, for {@link verify}. A process that is kept running reads a list again when it was fetched anew; its age counts anew each time.
 *
 * @returns gives the lists as they are at a time, in Unix seconds
 */
export function maliciousLists(env: Env, policy: Pick<Policy, "lists">): (nowSeconds: number) => readonly MaliciousList[] {
  const kept = new Map<string, { readonly stamp: string; readonly read: KeptList }>()
  return (nowSeconds) => policy.lists.map((subscription) => {
    const path = listPath(env, subscription)
    const stats = statSync(path, { throwIfNoEntry: false })
    const stamp = stats === undefined ? "" : `${stats.ino} ${stats.mtimeMs} ${stats.size}`
    const known = kept.get(path)
    // Opened anew where it changed, and where time alone may have made it too old.
    const { list, problem } = known?.stamp === stamp && known.read.problem === undefined && isFresh(known.read, nowSeconds) ? known.read : readList(env, subscription, nowSeconds)
    kept.set(path, { stamp, read: { subscription, ...(list === undefined ? {} : { list }), ...(problem === undefined ? {} : { problem }) } })
    return { name: subscription.name, find: (name, version) => list?.find(name, version), ...(problem === undefined ? {} : { problem }) }
  })
}

function isFresh({ subscription, list }: KeptList, nowSeconds: number): boolean {
  return list !== undefined && nowSeconds - list.fetched <= subscription.maxAgeSeconds && nowSeconds - list.fetched >= -CLOCK_SKEW_SECONDS_MAX
}
