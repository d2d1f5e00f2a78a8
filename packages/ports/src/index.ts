/** Interfaces of the outside world. The comment of a method is its contract. @packageDocumentation */
export { createAddressCheck, type AddressTools, type NetworkSet } from "./addresses.ts"
export type { Clock, Timers } from "./clock.ts"
export type { AbortSignalLike, HttpRequest, HttpResponse, HttpTransport } from "./http.ts"
export type { CachedStatement, EvidenceCache, MisbehaviorRecord, NoticesMirror, StateStore, Swap } from "./client.ts"
export type {
  EdgeHash, Log, LogEntry, LogFile, LogFiles, LogReader, LogRecords, LogSnapshots, LogState, LogStateReads, LogStorage, LogStorageAudit, ServedFile,
  SignedHead, StagedBatch, TreeHead,
} from "./log.ts"
export type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "./witness.ts"
export type { BlobStore, PackumentOverview, PackumentVersion, RegistrySource, StatementLog, TarballDownload, VersionQuery } from "./attester.ts"
export type { Peer, PeerFault, PeerMessage, PeerTransport, Relay } from "./peer.ts"
export type { DomainLookup, DomainState, HistoryStore, ListedVersion, PackumentReading, SourceRefList, SourceRefs } from "./history.ts"
export { tagNames } from "./tags.ts"
