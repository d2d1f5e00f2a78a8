import { defineConfig } from "vitest/config"

/** Milliseconds for one scenario: real package managers, real processes, on a loaded machine with two cores. */
const SCENARIO_MS_MAX = 300_000

// Whole-system scenarios: they start processes, share nothing but caches that are renamed into place, and measure nothing.
// `vitest run --config ../packages/config/vitest.e2e.config.ts --root test-e2e`
// eslint-disable-next-line import/no-default-export -- vitest reads the default export
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "default"] } },
  test: {
    include: ["**/*.e2e.ts"],
    exclude: ["**/node_modules/**"],
    reporters: ["verbose", ["json", { outputFile: ".test-report.json" }]],
    // Much of a scenario is waiting for processes: two at a time take two thirds of the time.
    maxWorkers: 2,
    testTimeout: SCENARIO_MS_MAX,
    hookTimeout: SCENARIO_MS_MAX,
    teardownTimeout: 30_000,
    passWithNoTests: false,
  },
})
