/**
 * Members of documents, each read the same way wherever it stands, and objects as tables of them.
 *
 * A table is short, and slower than code that names each member: observations, of which an install reads thousands, are
 * read by such code.
 *
 * @packageDocumentation
 */
import { HEX_SHA256, HEX_SHA512, type ShapeReader } from "./shape.ts"

/** Reads one member; `at` is its place, for the error. */
export type Member<T> = (value: unknown, at: string, read: ShapeReader) => T
/** How each member of T is read, in the order of the checks. */
export type Members<T> = { readonly [K in keyof T]-?: Member<T[K]> }

/** An object with every member of the table, and no other. */
export function readMembers<T>(value: unknown, at: string, read: ShapeReader, members: Members<T>): T {
  return takeMembers(read.object(value, at, Object.keys(members)), `${at}.`, read, members)
}

/** A whole document: its `format`, and the members of the table beside it. */
export function documentMembers<T>(value: unknown, read: ShapeReader, format: string, members: Members<T>): T {
  const document = read.object(value, "document", ["format", ...Object.keys(members)])
  read.oneOf(document["format"], "format", [format])
  return takeMembers(document, "", read, members)
}

/** The members of the table, out of an object that has others; `prefix` stands before their names, with its dot. */
export function takeMembers<T>(object: Readonly<Record<string, unknown>>, prefix: string, read: ShapeReader, members: Members<T>): T {
  const taken: Partial<T> = {}
  for (const key in members) taken[key] = members[key](object[key], prefix + key, read)
  return taken as T
}

export function nullable<T>(member: Member<T>): Member<T | null> {
  return (value, at, read) => (value === null ? null : member(value, at, read))
}

export function booleanMember(value: unknown, at: string, read: ShapeReader): boolean {
  return typeof value === "boolean" ? value : read.fail(at, "true or false", value)
}

/** A whole number from 0: indices, sizes of what may be empty. */
export function wholeMember(value: unknown, at: string, read: ShapeReader): number {
  return read.integer(value, at, 0, Number.MAX_SAFE_INTEGER)
}

/** The last second of the calendar: what comes after cannot be written as a date. */
export const TIME_SECONDS_MAX = 8_640_000_000_000

/** A point in time, in Unix seconds. */
export function timeMember(value: unknown, at: string, read: ShapeReader): number {
  return read.integer(value, at, 0, TIME_SECONDS_MAX)
}

/** A whole number from 1. */
export function countMember(value: unknown, at: string, read: ShapeReader): number {
  return read.integer(value, at, 1, Number.MAX_SAFE_INTEGER)
}

export function sha256Member(value: unknown, at: string, read: ShapeReader): string {
  return read.pattern(value, at, HEX_SHA256, "64 lower-case hex digits")
}

export function sha512Member(value: unknown, at: string, read: ShapeReader): string {
  return read.pattern(value, at, HEX_SHA512, "128 lower-case hex digits")
}

/** A text of at most `lengthMax` UTF-16 code units. */
export function textMember(lengthMax: number): Member<string> {
  return (value, at, read) => read.string(value, at, lengthMax)
}

export function patternMember(pattern: RegExp, says: string): Member<string> {
  return (value, at, read) => read.pattern(value, at, pattern, says)
}

export function wordMember<T extends string>(words: readonly T[]): Member<T> {
  return (value, at, read) => read.oneOf(value, at, words)
}

/** An object that is a member: a table in a table. */
export function objectMember<T>(members: Members<T>): Member<T> {
  return (value, at, read) => readMembers(value, at, read, members)
}
