/**
 * Whether e-mail domains still exist, asked of name servers.
 *
 * A domain has lapsed only where its name server says that there is no such name, and does not say so of the top-level domain too: a resolver that
 * knows nothing of the outside says of every name that it does not exist.
 *
 * @packageDocumentation
 */
import type { Clock, DomainLookup, DomainState } from "@vouchsafe/ports"
import { Resolver } from "node:dns/promises"
import { createSemaphore } from "../registry/semaphore.ts"
import { DNS_TIMEOUT_MS, DNS_TRIES, DOMAIN_DOUBT_MS, DOMAIN_FRESH_MS, DOMAINS_CONCURRENT_MAX, DOMAINS_REMEMBERED_MAX } from "./limits.ts"

/** Kinds of records of which each shows that a name exists, in the order in which they are asked for. */
export const RECORD_KINDS = ["MX", "A", "AAAA", "NS"] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

/** What a name server says of a name. */
export type Answer = "records" | "none" | "no-name" | "failure"

/** Asks for one kind of records. Never rejects. */
export type AskDns = (name: string, kind: RecordKind) => Promise<Answer>

/** Asks name servers: the machine's own, or those that are named. @param servers - `address` or `address:port` */
export function dnsOf(servers: readonly string[] = []): AskDns {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  return async (name, kind) => {
    try {
      const records = await resolver.resolve(name, kind) as readonly unknown[]
      return records.length > 0 ? "records" : "none"
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "ENOTFOUND") return "no-name"
      return code === "ENODATA" ? "none" : "failure"
    }
  }
}

/** Looks domains up, remembers what it found, and asks once for all who want to know at the same time. */
export function createDomainLookup({ ask, clock }: { readonly ask: AskDns; readonly clock: Clock }): DomainLookup {
  const known = new Map<string, { readonly state: Promise<DomainState["state"]>; untilMs: number }>()
  const asking = createSemaphore(DOMAINS_CONCURRENT_MAX)
  const stateOf = async (domain: string): Promise<DomainState["state"]> => {
    let gone = 0
    for (const kind of RECORD_KINDS) {
      const answer = await ask(domain, kind)
      if (answer === "records") return "resolves"
      if (answer === "failure") return "unknown"
      if (answer === "no-name") gone += 1
    }
    if (gone < RECORD_KINDS.length) return "unknown"
    const above = await ask(domain.slice(domain.lastIndexOf(".") + 1), "NS")
    return above === "records" || above === "none" ? "lapsed" : "unknown"
  }
  const look = (domain: string): Promise<DomainState["state"]> => {
    const nowMs = clock.nowMs()
    const found = known.get(domain)
    if (found !== undefined && nowMs < found.untilMs) return found.state
    const entry = { state: asking.run(() => stateOf(domain)), untilMs: nowMs + DOMAIN_FRESH_MS }
    known.delete(domain)
    known.set(domain, entry)
    if (known.size > DOMAINS_REMEMBERED_MAX) known.delete(known.keys().next().value as string)
    void entry.state.then((state) => {
      if (state !== "resolves") entry.untilMs = Math.min(entry.untilMs, clock.nowMs() + DOMAIN_DOUBT_MS)
    })
    return entry.state
  }
  return {
    // When a domain was registered is nothing that name servers say.
    look: async (domain) => ({ state: await look(domain), registeredAt: null }),
  }
}
