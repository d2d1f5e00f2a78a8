import manifest from "../package.json" with { type: "json" }

/** Version of the published package. */
export const VERSION: string = manifest.version
