/**
 * Who may import whom in `src`, and which third-party packages: the table of the design, as data.
 *
 * `turbo.json` holds the same arrows for `turbo boundaries`, widened by what dependencies bring with them and by the
 * test tools; a test compares the two. A third-party name here is also a line in `packages/spec/adr/0004-*.md`.
 */
export interface Row {
  /** Folder names under `packages/` that the package's `src` may import. */
  readonly workspace: readonly string[]
  /** Third-party packages that the package's `src` may import. */
  readonly thirdParty: readonly string[]
  /** A pure package knows no Node, no clock, no randomness and no network. */
  readonly pure: boolean
  /** Packages that it declares because it starts their binaries or copies their files, never to import them. */
  readonly starts: readonly string[]
}

type Given = { readonly [K in keyof Row]?: Row[K] }

const row = (given: Given): Row => ({ workspace: [], thirdParty: [], pure: false, starts: [], ...given })

/** Rows by folder name under `packages/`. A folder without a row is refused. */
export const ARROWS: Readonly<Record<string, Row>> = {
  "spec": row({ pure: true }),
  "core": row({ pure: true, thirdParty: ["@noble/ed25519", "@noble/hashes"] }),
  "ports": row({ pure: true, workspace: ["core"] }),
  "client": row({ workspace: ["core", "ports"], thirdParty: ["ssri", "@npmcli/config", "yaml", "@yarnpkg/parsers", "jsonc-parser"] }),
  "sqlite": row({ workspace: ["core"] }),
  "log": row({ workspace: ["core", "ports", "sqlite"] }),
  "witness": row({ workspace: ["core", "ports", "sqlite"] }),
  "storage": row({ workspace: ["core", "ports", "log"], thirdParty: ["pg", "aws4fetch"] }),
  "roster": row({ workspace: ["core", "ports"], thirdParty: ["tuf-js", "@tufjs/models"] }),
  "p2p": row({
    workspace: ["core", "ports"],
    thirdParty: [
      "libp2p", "@libp2p/tcp", "@libp2p/websockets", "@libp2p/noise", "@libp2p/yamux",
      "@libp2p/identify", "@libp2p/kad-dht", "@libp2p/gossipsub", "@libp2p/circuit-relay-v2", "@libp2p/dcutr",
      "@libp2p/ping", "@libp2p/crypto", "@libp2p/peer-id", "@libp2p/interface", "@multiformats/multiaddr",
    ],
  }),
  "gossip": row({ workspace: ["core", "ports"] }),
  "mirror": row({ workspace: ["core", "ports", "sqlite", "log"] }),
  "monitor": row({ workspace: ["core", "ports", "sqlite"] }),
  "artifacts": row({ workspace: ["core", "ports"] }),
  "names": row({ pure: true, workspace: ["core"] }),
  "audit": row({ workspace: ["core", "ports", "client"], thirdParty: ["yauzl"] }),
  "registry-view": row({ workspace: ["core", "ports"] }),
  "sigstore": row({
    workspace: ["core", "ports"],
    thirdParty: ["@sigstore/bundle", "@sigstore/core", "@sigstore/protobuf-specs", "@sigstore/tuf", "@sigstore/verify"],
  }),
  "tarball": row({ workspace: ["core", "ports"], thirdParty: ["tar"] }),
  "attester": row({ workspace: ["core", "ports", "names", "sigstore", "tarball"], thirdParty: ["semver", "ssri"] }),
  "rebuilder": row({ workspace: ["core", "ports", "registry-view", "tarball"], thirdParty: ["diff"] }),
  "node": row({
    workspace: ["core", "ports", "client", "sqlite", "log", "witness", "storage", "roster", "p2p", "gossip", "mirror", "monitor", "artifacts", "names", "sigstore", "attester", "rebuilder"],
    thirdParty: ["@npmcli/config", "pino", "prom-client", "tar"],
  }),
  "yarn-plugin": row({
    workspace: ["core", "client"],
    thirdParty: ["@yarnpkg/core", "@yarnpkg/fslib", "@yarnpkg/plugin-npm"],
  }),
  "pnpm-plugin": row({ workspace: ["core", "client"] }),
  "registry-shim": row({ workspace: ["core", "client", "registry-view", "artifacts"] }),
  "cli": row({
    workspace: ["spec", "core", "client", "sigstore", "roster", "names", "audit"],
    thirdParty: ["commander", "yaml"],
    starts: ["node", "rebuilder", "registry-shim", "yarn-plugin", "pnpm-plugin"],
  }),
  "testkit": row({ workspace: ["core", "ports"], thirdParty: ["@tufjs/models", "tar"] }),
  "config": row({ thirdParty: ["typescript", "tsup", "terser"] }),
}

/** What only tests and development may import; refused in every `src` with its own words. */
export const DEV_ONLY: readonly string[] = ["vitest", "fast-check", "ajv", "canonicalize", "packageurl-js", "modern-tar"]

/** Workspace packages that no other package's `src` may import. */
export const DEV_ONLY_WORKSPACE: readonly string[] = ["testkit", "config"]
