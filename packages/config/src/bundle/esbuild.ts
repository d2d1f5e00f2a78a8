import type { Options } from "tsup"

/** esbuild's plugin, as tsup takes it: esbuild is tsup's dependency and not ours. */
export type Plugin = NonNullable<Options["esbuildPlugins"]>[number]
