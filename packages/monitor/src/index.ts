/** Reads whole logs and reports what their operators would rather not have seen. Start at `createMonitor`. @packageDocumentation */
export * from "./limits.ts"
export { createMonitor, type HeadState, type Monitor, type MonitorOptions, REPORTS_FORMAT, type ReportsDocument } from "./monitor.ts"
export type { PageOptions } from "./page.ts"
export { openMonitorStore } from "./store.ts"
export { type EntryPlace, type Finding, type MonitoredLog, type MonitorStore, type PageResult, type Report, REPORT_KINDS, type ReportKind, type Seen } from "./types.ts"
