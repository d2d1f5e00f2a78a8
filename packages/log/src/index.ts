/** An append-only tlog-tiles log over SQLite and files. Start at `openLog`. @packageDocumentation */
export { type LogOptions, openLog } from "./open-log.ts"
