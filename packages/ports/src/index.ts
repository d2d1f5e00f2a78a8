/** Interfaces of the outside world. The comment of a method is its contract. @packageDocumentation */
export type { Clock } from "./clock.ts"
export type { AbortSignalLike, HttpRequest, HttpResponse, HttpTransport } from "./http.ts"
