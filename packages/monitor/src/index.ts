/** Reads whole logs and reports what their operators would rather not have seen. @packageDocumentation */
export {}
