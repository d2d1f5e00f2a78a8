import { defineConfig } from "vitest/config"

// One base for every package: `vitest run --config ../config/vitest.config.ts --root .`
// Workspace packages resolve to their src through the `source` condition, so no test waits for a build.
// eslint-disable-next-line import/no-default-export -- vitest reads the default export
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", ["json", { outputFile: ".test-report.json" }]],
    maxWorkers: 2,
    // Against hanging, not for timing: two busy cores must not turn a table of thousands of rows red.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
  },
})
