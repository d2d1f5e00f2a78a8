/** Whole copies of other nodes' logs: incremental, verified, resumable, served as tiles. @packageDocumentation */
export {}
