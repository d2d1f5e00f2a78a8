/**
 * Orders two versions as semver 2.0.0 does (clause 11); build metadata does not count.
 *
 * @returns negative where `left` comes first, positive where `right` does, 0 for versions of one precedence
 */
export function compareVersions(left: string, right: string): number {
  const [leftCore, leftPrerelease] = split(left)
  const [rightCore, rightPrerelease] = split(right)
  for (let index = 0; index < 3; index++) {
    const order = compareNumbers(leftCore[index] ?? "0", rightCore[index] ?? "0")
    if (order !== 0) return order
  }
  if (leftPrerelease.length === 0 || rightPrerelease.length === 0) return rightPrerelease.length - leftPrerelease.length
  for (let index = 0; index < Math.min(leftPrerelease.length, rightPrerelease.length); index++) {
    const order = compareParts(leftPrerelease[index] as string, rightPrerelease[index] as string)
    if (order !== 0) return order
  }
  return leftPrerelease.length - rightPrerelease.length
}

/** Tells whether a version is a prerelease, which ranges and `latest` pass by. */
export function isPrerelease(version: string): boolean {
  return split(version)[1].length > 0
}

function split(version: string): readonly [readonly string[], readonly string[]] {
  const bare = version.split("+")[0] as string
  const dash = bare.indexOf("-")
  return dash < 0 ? [bare.split("."), []] : [bare.slice(0, dash).split("."), bare.slice(dash + 1).split(".")]
}

function compareParts(left: string, right: string): number {
  const leftIsNumber = /^[0-9]+$/.test(left)
  const rightIsNumber = /^[0-9]+$/.test(right)
  if (leftIsNumber && rightIsNumber) return compareNumbers(left, right)
  if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1 : 1
  return left < right ? -1 : left > right ? 1 : 0
}

/** Decimals without leading zeros, of any length. */
function compareNumbers(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}
