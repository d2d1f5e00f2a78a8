import { brotliCompressSync, constants } from "node:zlib"
import { minify } from "terser"
import { factoryBody, YARN_REQUIRE } from "./factory.ts"
import { SMALLEST } from "./smaller.ts"
import type { BuildPlugin } from "./tsup.ts"

/**
 * Keeps most of a Yarn plugin out of Yarn's way. Yarn reads and compiles each plugin at every command, `yarn run` included, and most commands never fetch.
 * So what `module` imports goes into the bundle compressed, as Yarn does with parts of its own, and is compiled when it is first asked for.
 *
 * @param given.module - base name of the module that has one export, a function that gives the late part: `export const late = () => part`
 * @param given.part - base name of the module beside it that is the late part
 * @param given.exported - name of that function
 * @param given.plugins - esbuild plugins that the late part is built with
 */
export function latePart(given: { readonly module: string, readonly part: string, readonly exported: string, readonly name: string, readonly plugins: readonly BuildPlugin[] }): BuildPlugin {
  return {
    name: "vouchsafe-late-part",
    setup(build) {
      const pattern = new RegExp(`[\\\\/]src[\\\\/]${given.module.replaceAll(".", "\\.")}$`)
      build.onLoad({ filter: pattern }, async ({ path }) => {
        const { outdir = "dist", conditions = [], external = [], platform = "node", target = "node20" } = build.initialOptions
        const { outputFiles } = await build.esbuild.build({
          entryPoints: [path.slice(0, -given.module.length) + given.part], outdir, bundle: true, write: false, metafile: true, minify: true, format: "esm", logLevel: "silent",
          conditions, external, platform, target, plugins: [...given.plugins],
        })
        const { code } = await minify(factoryBody(outputFiles[0]?.text ?? ""), { ...SMALLEST, toplevel: true, parse: { bare_returns: true } })
        if (code === undefined) throw new Error("terser gave nothing")
        // Refuses what only a module may do, as for the plugin itself.
        new Function("require", code)
        return { contents: inflating(given, code), loader: "js" }
      })
    },
  }
}

function inflating({ exported, name }: { readonly exported: string, readonly name: string }, code: string): string {
  const packed = brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: code.length } })
  return `import { compileFunction, constants } from "node:vm"
import { brotliDecompressSync } from "node:zlib"
let part
export const ${exported} = () => part ??= compileFunction(brotliDecompressSync(Buffer.from(${JSON.stringify(packed.toString("base64"))}, "base64")).toString(), ["require"], {
  filename: ${JSON.stringify(name)}, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})(${YARN_REQUIRE})
`
}
