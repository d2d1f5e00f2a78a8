/** SQLite files of a node: one way to open them, to run a transaction, and to say what went wrong. Start at {@link openDatabase}. @packageDocumentation */
export { inTransaction, openDatabase, type OpenOptions, openStore, type Tables } from "./database.ts"
export { asDiskError, type DiskErrorOptions, runOnDisk } from "./errors.ts"
export { bytesIn, numberIn, type Row, textIn } from "./row.ts"
