import { expect, test } from "vitest"
import * as monitor from "../src/index.ts"

test("what this package exports", () => {
  expect(Object.keys(monitor).sort()).toEqual([
    "BACKWARDS_SECONDS_MAX", "DETAIL_LENGTH_MAX", "NOTICES_AGE_SECONDS_MAX", "PAGE_ENTRIES", "REPORTS_ANSWERED_MAX", "REPORTS_FORMAT", "REPORTS_PER_KIND_MAX", "REPORT_ENTRIES_MAX",
    "REPORT_KINDS", "TARBALL_BYTES_MAX", "UNSEEN_SECONDS_MAX", "createMonitor", "openMonitorStore",
  ])
})
