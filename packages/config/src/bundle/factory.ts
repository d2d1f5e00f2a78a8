import type { RenderPlugin } from "./tsup.ts"

/** Stands where the factory's `require` goes: esbuild would put a stand-in of its own in the place of the real name. */
export const YARN_REQUIRE = "__yarn_require__"

const WORD = "[A-Za-z0-9_$]+"
// Every import declaration that esbuild writes when it minifies, but for names that are no identifiers.
const IMPORT = new RegExp(`(?<=^|[;}\\n])import(?:\\{([A-Za-z0-9_$, ]*)\\}|\\*as (${WORD}) )from"([^"]+)";`, "g")
const EXPORTS = /export\{([A-Za-z0-9_$, ]*)\};?\s*$/

/**
 * Turns a module into what Yarn imports: a name, and a factory that Yarn calls with a `require` of its own modules.
 *
 * esbuild could write a function by itself. It would then ask for one module once for each file that imports it, reach
 * each function through an object at every call, and carry helpers for what no plugin exports.
 *
 * @param name - the plugin's name as Yarn lists it
 */
export function yarnFactory(name: string): RenderPlugin {
  return {
    name: "vouchsafe-yarn-factory",
    renderChunk(code, chunk) {
      if (chunk.type !== "chunk") return undefined
      const body = factoryBody(code).replaceAll(YARN_REQUIRE, "require")
      // Refuses what only a module may do: import and export declarations that are left, and waiting outside of functions.
      new Function("require", body)
      return { code: `/* eslint-disable */\nmodule.exports = {\nname: ${JSON.stringify(name)},\nfactory: function (require) {\n${body}\n}\n};\n` }
    },
  }
}

/** Members of an object or of a pattern, from esbuild's `a as b,c`. */
function members(list: string, order: (first: string, second: string) => string): string[] {
  return list.split(",").map((item) => item.trim().split(" as ")).map(([first = "", second = first]) => order(first, second))
}

/** The body of a function of `require` that returns what the module exports. */
export function factoryBody(code: string): string {
  const names = new Map<string, string[]>()
  const wholes: string[] = []
  const rest = code.replace(IMPORT, (_, list: string | undefined, whole: string | undefined, from: string) => {
    if (whole !== undefined) wholes.push(`${whole}=require(${JSON.stringify(from)})`)
    else names.set(from, [...names.get(from) ?? [], ...members(list ?? "", (name, local) => `${name}:${local}`)])
    return ""
  }).replace(EXPORTS, (_, list: string) => `return{${members(list, (local, name) => `${name}:${local}`).join(",")}}`)
  const imports = [...names].map(([from, items]) => `{${items.join(",")}}=require(${JSON.stringify(from)})`)
  const declared = [...imports, ...wholes].join(",")
  return `"use strict";${declared === "" ? "" : `var ${declared};`}${rest.trim()}`
}
