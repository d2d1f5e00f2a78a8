/** The command line as a function. @packageDocumentation */
export { type CliIo, EXIT } from "./io.ts"
export { main } from "./main.ts"
