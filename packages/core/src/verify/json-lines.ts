/**
 * Where in a JSON text a member stands, for errors that point to a line, and whether one stands twice.
 *
 * @packageDocumentation
 */

/** Deeper than any document of ours. */
const DEPTH_MAX = 32
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y

interface Scan {
  readonly text: string
  readonly members: Map<string, number>
  repeated: string | undefined
  at: number
}

/** Thrown, and caught, inside this file alone: the text stops being JSON here. */
const STOP = Symbol("not JSON")

/** Line, from 1, at which the text stops being JSON; undefined where all of it is. */
export function brokenLine(text: string): number | undefined {
  const { stop } = scan(text)
  return stop === undefined ? undefined : lineOf(text, stop)
}

/** Line, from 1, of a member such as `rules.TOO_YOUNG` or `exceptions[2].until`; where it is missing, of what should hold it. */
export function memberLine(text: string, member: string): number {
  const { members } = scan(text)
  for (let path = member; path !== ""; path = path.replace(/(?:^|\.|\[)[^.[]*$/, "")) {
    const offset = members.get(path)
    if (offset !== undefined) return lineOf(text, offset)
  }
  return lineOf(text, members.get("") ?? 0)
}

/**
 * The first member, such as `rules.TOO_YOUNG`, that one object has twice; undefined for text that is no JSON. Of two, programs take the last
 * one and people read the first.
 */
export function repeatedMember(text: string): string | undefined {
  const { stop, repeated } = scan(text)
  return stop === undefined ? repeated : undefined
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length
}

function scan(text: string): Pick<Scan, "members" | "repeated"> & { readonly stop: number | undefined } {
  const state: Scan = { text, members: new Map(), repeated: undefined, at: 0 }
  try {
    value(state, "", 0)
    space(state)
    return { members: state.members, repeated: state.repeated, stop: state.at === text.length ? undefined : state.at }
  } catch (error) {
    if (error !== STOP) throw error
    return { members: state.members, repeated: state.repeated, stop: state.at }
  }
}

function value(state: Scan, path: string, depth: number): void {
  space(state)
  if (!state.members.has(path)) state.members.set(path, state.at)
  const first = state.text[state.at]
  if (first === '"') return void string(state)
  if (first === "{" || first === "[") return items(state, path, depth, first === "{")
  SCALAR.lastIndex = state.at
  const scalar = SCALAR.exec(state.text)
  if (scalar === null) throw STOP
  state.at += scalar[0].length
}

function items(state: Scan, path: string, depth: number, isObject: boolean): void {
  if (depth >= DEPTH_MAX) throw STOP
  const end = isObject ? "}" : "]"
  state.at += 1
  space(state)
  if (state.text[state.at] === end) return void (state.at += 1)
  for (let index = 0; ; index++) {
    let inner = `${path}[${index}]`
    if (isObject) {
      space(state)
      const start = state.at
      const key = string(state)
      inner = path === "" ? key : `${path}.${key}`
      if (state.members.has(inner)) state.repeated ??= inner
      state.members.set(inner, start)
      space(state)
      expect(state, ":")
    }
    value(state, inner, depth + 1)
    space(state)
    if (state.text[state.at] === end) return void (state.at += 1)
    expect(state, ",")
  }
}

function string(state: Scan): string {
  const start = state.at
  expect(state, '"')
  for (; state.text[state.at] !== '"'; state.at++) {
    const character = state.text[state.at]
    if (character === undefined || character < " ") throw STOP
    if (character === "\\") state.at += 1
  }
  state.at += 1
  const raw = state.text.slice(start, state.at)
  return raw.includes("\\") ? unescaped(raw) : raw.slice(1, -1)
}

function unescaped(raw: string): string {
  try {
    return String(JSON.parse(raw))
  } catch (error) {
    if (error instanceof SyntaxError) throw STOP
    throw error
  }
}

function expect(state: Scan, character: string): void {
  if (state.text[state.at] !== character) throw STOP
  state.at += 1
}

function space(state: Scan): void {
  while (" \t\n\r".includes(state.text[state.at] ?? "x")) state.at += 1
}
