import type { Options } from "tsup"

/** esbuild's plugin, as tsup takes it: esbuild is tsup's dependency and not ours. */
export type BuildPlugin = NonNullable<Options["esbuildPlugins"]>[number]

/** tsup's own plugin: its `renderChunk` sees each file that is about to be written, once. */
export type RenderPlugin = NonNullable<Options["plugins"]>[number]
