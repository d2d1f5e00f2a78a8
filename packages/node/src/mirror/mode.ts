import { shown, VouchsafeError } from "@vouchsafe/core"

/** Which logs of other nodes are copied. */
export const MIRROR_MODES = ["none", "notices", "all"] as const
export type MirrorMode = (typeof MIRROR_MODES)[number]

/** @throws VouchsafeError CONFIG_MALFORMED. */
export function parseMirrorMode(text: string): MirrorMode {
  const mode = MIRROR_MODES.find((known) => known === text)
  if (mode === undefined) throw new VouchsafeError("CONFIG_MALFORMED", `mirror is ${shown(text)}, expected one of ${MIRROR_MODES.join(", ")}`)
  return mode
}

/** What the configuration asks for: a monitor reads all logs. @throws VouchsafeError CONFIG_MALFORMED when it asks for a monitor without them. */
export function mirrorMode({ mirror, monitor }: { readonly mirror?: MirrorMode | undefined; readonly monitor?: boolean | undefined }): MirrorMode {
  if (monitor !== true) return mirror ?? "notices"
  if (mirror !== undefined && mirror !== "all") throw new VouchsafeError("CONFIG_MALFORMED", `--monitor is given with --mirror ${mirror}, expected all: a monitor reads whole logs`)
  return "all"
}
