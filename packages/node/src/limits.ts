/**
 * Every limit of the daemon, with its unit. One place, so that the sum of them can be judged (THREATS, row "resource exhaustion").
 *
 * @packageDocumentation
 */

const KIB = 1024
const MIB = 1024 * KIB

/** Longest request line and headers together, in bytes. */
export const HEADER_BYTES_MAX = 16 * KIB
/** Most header fields of one request. */
export const HEADER_COUNT_MAX = 64
/** Longest request target (path and query), in characters. */
export const TARGET_LENGTH_MAX = 1024
/** Time for a client to send its headers: what ends a slow loris. */
export const HEADERS_TIMEOUT_MS = 10_000
/** Time for a client to send its whole request. */
export const REQUEST_TIMEOUT_MS = 30_000
/** How often the two above are looked at. */
export const CONNECTIONS_CHECK_MS = 2_000
/** A connection on which nothing moves for this long is closed. Longer than the longest evidence deadline. */
export const IDLE_TIMEOUT_MS = 90_000
/** How long a connection is kept open for a next request. */
export const KEEP_ALIVE_TIMEOUT_MS = 30_000
/** Most connections of the public listener. */
export const CONNECTIONS_MAX = 1024
/** Most connections from one address, so that one client cannot take all of the above. */
export const CONNECTIONS_PER_ADDRESS_MAX = 256
/** Most connections of the admin socket. */
export const ADMIN_CONNECTIONS_MAX = 64
/** Requests on one connection before it is closed. */
export const REQUESTS_PER_SOCKET_MAX = 10_000
/** Requests that a connection may send before the answer to the first one; none of them is begun, and one more ends the connection at once. */
export const REQUESTS_AHEAD_MAX = 8
/** Bodies on their way in and answers that are not taken yet, of all callers of a listener together, in bytes. */
export const HELD_BYTES_MAX = 256 * MIB
/** The same of one address: the largest answer, and room for what others behind it ask. */
export const HELD_PER_ADDRESS_BYTES_MAX = 96 * MIB
/** Time for a caller to take an answer: so long in ms, and longer where it takes at least so many bytes a second. */
export const ANSWER_TAKEN = { ms: 60_000, bytesPerSecondMin: 64 * KIB } as const

/** Body of an evidence or gather request: 2000 purls and registries of the greatest length fit. */
export const EVIDENCE_BODY_BYTES_MAX = 2 * MIB
/** Body of add-checkpoint: the cap that other witnesses use. */
export const WITNESS_BODY_BYTES_MAX = 128 * KIB
/** Checkpoints that one address may hand in: at once, and then per second. A log that grows asks ten times a second. */
export const CHECKPOINTS_PER_ADDRESS = { burst: 2_000, perSecond: 200 } as const
/** The same for all addresses together. */
export const CHECKPOINTS_GLOBAL = { burst: 10_000, perSecond: 2_000 } as const
/** Larger heads of one log that are cosigned, whoever brings them: at once, and then per second. Each is a durable write. */
export const CHECKPOINTS_PER_LOG = { burst: 200, perSecond: 20 } as const
/** Body of the admin's writes. */
export const ADMIN_BODY_BYTES_MAX = 16 * KIB

/** Longest a request may make the node wait (`deadlineMs` is bounded by it). */
export const DEADLINE_MS_MAX = 60_000
/** Evidence requests in work at once; more are answered 503. */
export const EVIDENCE_REQUESTS_MAX = 256
/** The same of one address. */
export const EVIDENCE_REQUESTS_PER_ADDRESS_MAX = 64
/** Evidence answers put together at once: each holds its entries and its text. */
export const EVIDENCE_ANSWERS_COMPOSED_MAX = 8
/** Largest evidence answer, in bytes before compression. */
export const EVIDENCE_ANSWER_BYTES_MAX = 64 * MIB
/** Answers below this are not worth compressing, in bytes: TCP sends as many before it waits for anybody, and compressing takes longer than making them. */
export const GZIP_BYTES_MIN = 14 * KIB
/** Compressed answers are kept below this many in preparation at once; others go out as they are. */
export const GZIP_CONCURRENT_MAX = 8

/** Observations made at the same time. */
export const OBSERVATIONS_CONCURRENT_MAX = 16
/** Observations waiting for their turn. */
export const OBSERVATIONS_QUEUED_MAX = 5_000
/** An observation that takes longer is given up, in ms. */
export const OBSERVATION_TIMEOUT_MS = 120_000
/** New observations that one address may cause: at once, and then per second. */
export const OBSERVATIONS_PER_ADDRESS = { burst: 3_000, perSecond: 1 } as const
/** New observations that all addresses together may cause: at once, and then per second. */
export const OBSERVATIONS_GLOBAL = { burst: 20_000, perSecond: 10 } as const
/** Addresses whose budgets are remembered; the longest unused is forgotten first. */
export const ADDRESSES_REMEMBERED_MAX = 10_000
/** How long an answer other than bytes (404, hostile tarball, …) is remembered without asking the registry again, in ms. */
export const REFUSAL_REMEMBERED_MS = 60_000
/** The same for failures that may pass: a registry that did not answer. */
export const FAILURE_REMEMBERED_MS = 5_000
/** Refusals remembered. */
export const REFUSALS_REMEMBERED_MAX = 10_000
/** A known artifact that is asked for is fetched again after this long, to see whether its bytes changed, in ms. */
export const RECHECK_MS = 24 * 3_600_000
/** Entries held in memory as answers carry them, in bytes. */
export const ENTRY_CACHE_LENGTH_MAX = 32 * MIB

/** Artifacts whose place in the log is held in memory. */
export const INDICES_REMEMBERED_MAX = 200_000
/** Notices in one answer, in bytes; a client that needs more asks again. */
export const NOTICES_BYTES_MAX = 16 * MIB

/** Redirects followed for one fetch. */
export const REDIRECTS_MAX = 5
/** Time for one registry fetch, from connecting to the last byte. */
export const FETCH_TIMEOUT_MS = 60_000
/** Pauses before a registry that cut the connection or was busy is asked again, in ms. */
export const FETCH_ATTEMPT_PAUSES_MS = [250, 1_000] as const
/** Time without a byte from the registry. */
export const FETCH_IDLE_TIMEOUT_MS = 20_000
/** Largest packument, in bytes after decompression: popular ones have grown to about 100 MB. */
export const PACKUMENT_BYTES_MAX = 128 * MIB
/** Packuments on their way at the same time. */
export const PACKUMENTS_FETCHED_CONCURRENT_MAX = 8
/** Packuments beyond this size come one at a time, in bytes. */
export const PACKUMENT_LARGE_BYTES = 16 * MIB
/** Packuments held in memory, in bytes. */
export const PACKUMENT_CACHE_BYTES_MAX = 64 * MIB
/** How long a packument is used without asking the registry whether it changed, in ms. */
export const PACKUMENT_FRESH_MS = 60_000
/** How long a host's addresses are used without asking the resolver again, in ms. They are judged at each use. */
export const ADDRESSES_FRESH_MS = 30_000
/** Hosts whose addresses are remembered. */
export const HOSTS_REMEMBERED_MAX = 256
/** Sockets to one registry host. */
export const SOCKETS_PER_HOST_MAX = 16

/** Time added to a gather's deadline for the way there and back, in ms. */
export const GATHER_GRACE_MS = 5_000

/** How long a gather leaves a node alone that it waited for in vain, in ms. */
export const GATHER_SILENT_PAUSE_MS = 30_000
/** A failure that came sooner than this kept nobody waiting, in ms. */
export const GATHER_SILENCE_MS_MIN = 1_000

/** First and longest pause before a log asks the witnesses again that did not answer, in ms. */
export const COSIGN_RETRY_MS = { first: 500, longest: 30_000 } as const
/** Shortest time from one round of cosigning a growing log to the next, in ms: what a package waits at most in a burst of others. */
export const COSIGN_PACE_MS = 100
/** An evidence request waits this long for a rebuild or release that is in the log and not yet cosigned, in ms. */
export const COSIGN_MORE_MS = 1_000
/** The notices head is cosigned anew this often although nothing changed: it must never be older than 24 h at a client. */
export const NOTICES_REFRESH_MS = 30 * 60_000
/** An evidence request that finds the notices head older than this waits for a new one. */
export const NOTICES_STALE_MS = 10 * 60_000

/** Time for requests in work to end after SIGTERM. */
export const DRAIN_MS = 10_000
/** From one look for what witnesses hold of a log of which one claims to hold more, to the next, in ms. */
export const BEHIND_LOOK_MS = 30_000
/** How often connections that have fallen idle since are closed, in ms. */
export const DRAIN_SWEEP_MS = 50

/** Body of a request for a build. */
export const BUILD_BODY_BYTES_MAX = 8 * KIB
/** Builds that wait, of all requesters together. */
export const BUILDS_QUEUED_MAX = 200
/** Builds of one requester: waiting or running at once, and asked for within an hour. */
export const BUILDS_PER_REQUESTER = { queued: 20, perHour: 60 } as const
/** Wrong or missing tokens that one address may show: at once, and then per second. */
export const BUILD_DENIALS_PER_ADDRESS = { burst: 20, perSecond: 0.1 } as const
/** The same for all addresses together. */
export const BUILD_DENIALS_GLOBAL = { burst: 1_000, perSecond: 10 } as const
/** Starts of one build, counting those that a crash of the node cut off. */
export const BUILD_ATTEMPTS_MAX = 3
/** A build that takes longer is ended, in ms. The rebuilder's own limits are below this. */
export const BUILD_TIMEOUT_MS = 60 * 60_000
/** Time for a rebuilder to end by itself before it is killed, in ms. */
export const BUILD_STOP_MS = 5_000
/** Longest line that a rebuilder may write: its result, with the differences in it, in bytes. */
export const BUILD_LINE_BYTES_MAX = 32 * MIB
/** Everything that a rebuilder may write, in bytes. */
export const BUILD_OUTPUT_BYTES_MAX = 128 * MIB
/** What is kept of a rebuilder's diagnostics, in characters. */
export const BUILD_DIAGNOSTICS_LENGTH_MAX = 2_000
/** Log of one build, in bytes; what comes after is left out. */
export const BUILD_LOG_BYTES_MAX = 4 * MIB
/** One document of a build's result, in bytes. */
export const BUILD_DOCUMENT_BYTES_MAX = 8 * MIB
/** Finished builds that are remembered, and for how long in seconds. */
export const BUILDS_KEPT = { count: 2_000, seconds: 30 * 86_400 } as const
/** Largest published tarball that is rebuilt, in bytes. */
export const BUILD_TARBALL_BYTES_MAX = 256 * MIB
/** Readers of growing logs at once. */
export const BUILD_FOLLOWERS_MAX = 64
/** The same of one address. */
export const BUILD_FOLLOWERS_PER_ADDRESS_MAX = 16
/** A reader of a log to which nothing is added is let go after this, in ms; it asks again from where it is. */
export const BUILD_FOLLOW_IDLE_MS = 30_000
/** One piece of a log, in bytes. */
export const BUILD_LOG_PIECE_BYTES = 64 * KIB

/** Body of a release: an envelope, and on the admin socket a key beside it. */
export const RELEASE_BODY_BYTES_MAX = 40 * KIB
/** Releases that one address may send, good or bad: at once, and then per second. */
export const RELEASES_PER_ADDRESS = { burst: 60, perSecond: 0.5 } as const
/** Releases that one key may have logged: at once, and then per second. */
export const RELEASES_PER_KEY = { burst: 100, perSecond: 0.05 } as const
/** Both of the above for all together. */
export const RELEASES_GLOBAL = { burst: 1_000, perSecond: 2 } as const
/** Releases of one package version that one key may have in this log. */
export const RELEASES_PER_ARTIFACT_AND_KEY_MAX = 4

/** Rebuilds of one artifact in an evidence answer: the newest. */
export const REBUILDS_ANSWERED_MAX = 2
/** Releases of one artifact in an evidence answer: the newest of each key. */
export const RELEASES_ANSWERED_MAX = 8

/** How often roots of trust are fetched from a mirror. */
export const TRUST_REFRESH_MS = 24 * 3_600_000
/** How soon a fetch that failed is tried again. */
export const TRUST_RETRY_MS = 3_600_000
/** How long a node waits for the first fetch before it is ready without it. */
export const TRUST_START_WAIT_MS = 15_000
/** How long a node that stops waits for a fetch under way. */
export const TRUST_STOP_WAIT_MS = 5_000
