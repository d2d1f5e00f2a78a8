/**
 * Which builder a provenance names, apart from the words for it that changed over time.
 *
 * @packageDocumentation
 */

const RUNNER = /\/(github|self)-hosted$/
/** What npm named as builder in its first year with provenance: itself, with its version, on what it calls the runner now. */
const RUNNER_BEFORE = "https://github.com/npm/cli"
const RUNNER_NOW = "https://github.com/actions/runner"

/** Tells two builder ids apart. The release of a builder is not its identity, and older tools did not say which kind of runner it was. */
export function isOtherBuilder(previous: string, now: string): boolean {
  if (previous === now) return false
  const [before, after] = [previous, now].map((builder) => {
    const id = builder.replace(/@[^@/]*(?:\/[^@]*)?$/, "")
    return { id: id.replace(RUNNER, "").replace(RUNNER_BEFORE, RUNNER_NOW), kind: RUNNER.exec(id)?.[1] }
  }) as [{ id: string; kind: string | undefined }, { id: string; kind: string | undefined }]
  return before.id !== after.id || (before.kind !== undefined && after.kind !== undefined && before.kind !== after.kind)
}
