/**
 * Who published a version and who could have: names, and of e-mail addresses their domains only. No address is kept or written anywhere.
 *
 * @packageDocumentation
 */
import { asObject, asPlainText, member } from "@vouchsafe/tarball"
import { PUBLISHER_LENGTH_MAX } from "../limits.ts"
import { DOMAIN_LENGTH_MAX, MAINTAINERS_MAX, PUBLISHER_KEY_LENGTH_MAX } from "./limits.ts"

/** One account, as a packument names it. */
export interface Person {
  readonly name: string
  /** Domain of the e-mail address; null where there is none that can be looked up. */
  readonly domain: string | null
}

/** Whoever published a version. */
export interface Publisher extends Person {
  /**
   * Tells publishers apart: the name, and for continuous integration, whose name all packages share, the configuration that the registry trusted.
   */
  readonly key: string
  /** Many packages of different owners are published under this name. */
  readonly isShared: boolean
}

/** Reads `_npmUser`. */
export function readPublisher(value: unknown): Publisher | null {
  const person = readPerson(value)
  if (person === null) return null
  const trusted = asObject(member(asObject(value) ?? {}, "trustedPublisher"))
  if (trusted === undefined) return { ...person, key: person.name, isShared: false }
  const configuration = asPlainText(member(trusted, "oidcConfigId"), PUBLISHER_KEY_LENGTH_MAX) ?? ""
  return { ...person, key: `${person.name} ${configuration}`, isShared: true }
}

/** Reads `maintainers`: objects, or texts as of old. Who has no name is left out. */
export function readMaintainers(value: unknown): readonly Person[] {
  const all = Array.isArray(value) ? value.slice(0, MAINTAINERS_MAX) : []
  return all.flatMap((one: unknown) => readPerson(one) ?? [])
}

const PERSON_TEXT = /^\s*([^<(]*[^<(\s])\s*(?:<([^>]*)>)?/

function readPerson(value: unknown): Person | null {
  const [, textName, textMail] = typeof value === "string" && value.length <= PUBLISHER_KEY_LENGTH_MAX ? PERSON_TEXT.exec(value) ?? [] : []
  const object = asObject(value) ?? {}
  const name = asPlainText(textName ?? member(object, "name"), PUBLISHER_LENGTH_MAX)
  return name === undefined ? null : { name, domain: domainOf(textMail ?? member(object, "email")) }
}

const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The domain of an e-mail address, lower case; null for what is none, an address of a machine included. */
export function domainOf(email: unknown): string | null {
  if (typeof email !== "string" || email.length > PUBLISHER_KEY_LENGTH_MAX) return null
  const domain = email.slice(email.lastIndexOf("@") + 1).trim().toLowerCase().replace(/\.$/, "")
  return email.includes("@") && domain.length <= DOMAIN_LENGTH_MAX && DOMAIN.test(domain) ? domain : null
}
