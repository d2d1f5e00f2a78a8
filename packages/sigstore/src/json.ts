/** Foreign JSON values, taken apart without trust. @packageDocumentation */
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from "./limits.ts"

export type Members = Readonly<Record<string, unknown>>

/** An object's own members; undefined for anything else. */
export function membersOf(value: unknown): Members | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : undefined
}

/** An own member: `__proto__` and `constructor` of the prototype are none. */
export function memberOf(value: unknown, key: string): unknown {
  const members = membersOf(value)
  return members !== undefined && Object.hasOwn(members, key) ? members[key] : undefined
}

/** A member some levels down; undefined where a level is missing. */
export function memberAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((inner, key) => memberOf(inner, key), value)
}

/** A text of one line that can stand in a statement; undefined for anything else. */
export function plainText(value: unknown, lengthMax: number): string | undefined {
  if (typeof value !== "string" || value === "" || value.length > lengthMax) return undefined
  return value.trim() === value && !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(value) ? value : undefined
}

/** Tells whether a value stays within the bounds on nesting, number of values and total length of text. Walks without recursion. */
export function isBounded(value: unknown, lengthMax: number): boolean {
  const left: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 0 }]
  let values = 0
  let length = 0
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (++values > JSON_VALUES_MAX || next.depth > JSON_DEPTH_MAX) return false
    if (typeof next.value === "string") length += next.value.length
    if (typeof next.value === "object" && next.value !== null) {
      for (const key in next.value) {
        if (left.length > JSON_VALUES_MAX) return false
        length += key.length
        left.push({ value: (next.value as Members)[key], depth: next.depth + 1 })
      }
    }
    if (length > lengthMax) return false
  }
  return true
}
