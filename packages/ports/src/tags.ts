/**
 * Names of tags by which repositories mark a version. Attesters and rebuilders share the table: what one finds the other finds too.
 *
 * @packageDocumentation
 */

const JOINTS = ["@", "-", "/", "_", "@v", "-v", "/v", "_v", "#"]
const FRONTS = ["v", "", "V", "release/", "release/v", "release-", "release-v", "releases/", "releases/v", "rel-", "version-", "version/", "v.", "r"]

/**
 * Names of tags for a version, without `refs/tags/`, each once, the likeliest first. Build metadata counts only as it stands.
 * @param name - the package's name with its scope
 */
export function tagNames(version: string, name: string): readonly string[] {
  const bare = name.replace(/^@[^/]+\//, "")
  const scope = /^@([^/]+)\//.exec(name)?.[1]
  const names = [name, ...(scope === undefined ? [] : [`${scope}/${bare}`, `${scope}-${bare}`]), bare]
  return [...new Set([...names.flatMap((one) => JOINTS.map((joint) => `${one}${joint}${version}`)), ...FRONTS.map((front) => `${front}${version}`)])]
}
