/** Keys from the root to a member that its object holds more than once, with different values. */
export type DuplicateKey = readonly string[]

interface Frame {
  /** False for arrays, and for objects in arrays or so deep that they are only compared as text by the object that holds them. */
  readonly hasKeys: boolean
  /** Keys leading here; positions in arrays do not count. */
  readonly path: readonly string[]
  readonly values: Map<string, string>
  /** Key of the member whose value is being passed over. */
  key: string | undefined
  valueFrom: number
}

/**
 * Finds repeated keys in text that `JSON.parse` accepts, in objects less than `depthMax` keys below the root and in no array. Readers take the
 * first, the last or none of them; equal values harm nobody. Linear in the text.
 */
export function findDuplicateKeys(text: string, depthMax: number): DuplicateKey[] {
  const found: DuplicateKey[] = []
  const stack: Frame[] = []
  let at = 0
  const endValue = (frame: Frame | undefined): void => {
    if (frame?.key === undefined) return
    const value = text.slice(frame.valueFrom, at).trim()
    const earlier = frame.values.get(frame.key)
    if (earlier !== undefined && earlier !== value) found.push([...frame.path, frame.key])
    frame.values.set(frame.key, value)
    frame.key = undefined
  }
  const open = (isObject: boolean, parent: Frame | undefined): void => {
    const path = parent === undefined ? [] : parent.key === undefined ? parent.path : [...parent.path, parent.key]
    stack.push({ hasKeys: isObject && path.length < depthMax && parent?.hasKeys !== false, path, values: new Map(), key: undefined, valueFrom: 0 })
  }
  while (at < text.length) {
    const frame = stack.at(-1)
    const character = text[at]
    if (character === "\"") {
      const end = endOfString(text, at)
      if (frame?.hasKeys === true && frame.key === undefined) {
        frame.key = JSON.parse(text.slice(at, end)) as string
        at = text.indexOf(":", end)
        frame.valueFrom = at + 1
      } else at = end - 1
    } else if (character === "{" || character === "[") {
      open(character === "{", frame)
    } else if (character === "}" || character === "]") {
      endValue(frame)
      stack.pop()
    } else if (character === ",") endValue(frame)
    at += 1
  }
  return found
}

/** Position after the closing quote of the string that starts at `from`. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf("\"", from + 1); end >= 0; end = text.indexOf("\"", end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === "\\") escapes += 1
    if (escapes % 2 === 0) return end + 1
  }
  return text.length
}
