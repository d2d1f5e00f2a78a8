/** One outgoing HTTP request. Bodies are whole: every body this port carries is bounded by `maxBytes`. */
export interface HttpRequest {
  readonly method: "GET" | "POST"
  /** Absolute http: or https: URL. With `socketPath` only its path and query count. */
  readonly url: string
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** From the first byte sent to the last byte received. */
  readonly timeoutMs: number
  /** Answers with a larger body, after decompression, are an error. */
  readonly maxBytes: number
  readonly signal?: AbortSignalLike
  /** Path of a Unix socket to use instead of the URL's host. */
  readonly socketPath?: string
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names; repeated headers joined with ", ". */
  readonly headers: Readonly<Record<string, string>>
  /** Decompressed. */
  readonly body: Uint8Array
}

/** The part of the platform's AbortSignal that is used; ports know no platform types. */
export interface AbortSignalLike {
  readonly aborted: boolean
  addEventListener(type: "abort", listener: () => void): void
  removeEventListener(type: "abort", listener: () => void): void
}

/**
 * Sends one request, follows no redirect, and returns any status as a value.
 * Errors are VouchsafeErrors: UNREACHABLE (no connection, cut), TIMEOUT (`timeoutMs` or `signal`),
 * UPSTREAM_FAILED (body over `maxBytes`, undecodable encoding).
 */
export interface HttpTransport {
  request(request: HttpRequest): Promise<HttpResponse>
}
