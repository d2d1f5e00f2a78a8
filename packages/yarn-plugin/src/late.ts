import * as part from "./guarding.ts"

/**
 * The guard itself. The bundle holds it compressed and compiles it at the first call: Yarn reads a plugin at every command, and most commands
 * fetch nothing (`latePart` of the build puts its own module in the place of this one).
 */
export const guarding = (): typeof part => part
