import { LISTEN_DEFAULT } from "./checked.ts"
import { GIT_HOSTS_DEFAULT } from "./values.ts"

/** What `--help` prints. */
export const HELP = `vouchsafe-node: log, witness and attester over one data folder

  vouchsafe-node [options]         run a node until SIGTERM; prints one JSON line when it is ready
  vouchsafe-node front [options]   read what the node of --operator keeps in --storage and --objects, and serve it; needs no keys
  vouchsafe-node keys [options]    make the keys where there are none; print the node's entry for a roster
  vouchsafe-node fsck [options]    recompute the logs of a node that is not running; exit 1 when anything is wrong
  vouchsafe-node config show|validate FILE|set KEY VALUE    the configuration and where each value comes from
  vouchsafe-node backup --to FOLDER|FILE.tgz    copy what a node holds, also while it runs
  vouchsafe-node restore --from BACKUP --data DIR --witness-key new    into an empty folder; the node then asks its witnesses before it appends
  vouchsafe-node rotate --to FOLDER             new keys and logs in a new folder, the old ones handed over; the roster has to take that up

  --data DIR                  data folder, mode 0700; default: $XDG_DATA_HOME/vouchsafe/node
  --listen HOST:PORT          where to listen; default ${LISTEN_DEFAULT}
  --operator NAME             who runs this node: lower-case letters, digits, hyphens; default: that of the keys, else "local"
  --url URL                   under which others reach it; default: where it listens
  --roster FILE               roster of the network; default: <data>/roster.json, this node alone
  --roster-genesis FILE       1.root.json of the repository that the roster comes from, in place of --roster
  --roster-source URL         where that repository is, such as a node's tuf/, may be repeated
  --registry URL              registry to observe, may be repeated; default: the roster's, else that of your npm configuration
  --allow-private-addresses   let configured registries be in a private network, and speak http
  --attester on|off           say something new about packages; off: what the logs hold is served and can be withdrawn, no more. Default on
  --witness on|off            cosign the logs of the roster's nodes; default on
  --rebuild                   rebuild packages from source in a sandbox (needs bubblewrap)
  --build-token-file FILE     who may ask for builds: a token a line, perhaps "name token"; mode 0600
  --git-host HOST             host to clone sources from, may be repeated; default ${GIT_HOSTS_DEFAULT.join(", ")}
  --publisher-key VKEY        publisher whose releases are logged, may be repeated
  --trust-root FILE           Sigstore trusted root; default: the embedded one
  --trust-mirror URL          TUF repository to refresh trusted root and registry keys from, once a day; default: they stay as they are
  --trust-root-json FILE      that repository's pinned root.json; default: the embedded one
  --allowed-signers FILE      whose signatures of commits count in rebuilds: SSH allowed_signers, armored OpenPGP keys, or both
  --registry-keys REG=FILE    signing keys of a registry, may be repeated; default: the embedded ones
  --history-lookups on|off    ask name servers about maintainers' e-mail domains, and git hosts about tags, of public packages; default on
  --dns-server ADDRESS        name server for the former, perhaps with a port, may be repeated; default: the machine's, none with private addresses
  --artifacts on|off          keep the tarballs that are observed, and give them to whoever asks; default on
  --artifact-quota BYTES      how much of them, such as 500MiB; default 10GiB
  --artifact-bandwidth BYTES  how much of them goes to others a second; default 64MiB
  --mirror none|notices|all   logs of the roster's other nodes to keep whole copies of; default notices
  --monitor                   read all of them and report what their operators would rather not have seen; needs all
  --p2p-listen ADDRESS        peer-to-peer, listening at this multiaddr, may be repeated; /p2p-circuit: through relays only. Default: no peer-to-peer
  --p2p-announce ADDRESS      multiaddr that others shall dial, may be repeated; default: where the node listens
  --p2p-bootstrap ADDRESS     peer to begin with, with /p2p/PEER at its end, may be repeated; the roster's nodes are asked beside it
  --p2p-relay                 pass on the traffic of peers that nobody can dial
  --storage ADDRESS           postgres://USER@HOST/DATABASE for logs and the witness's memory; password in PGPASSWORD or password_file=; default: the data folder
  --objects ADDRESS           s3://BUCKET/PREFIX for tiles and documents, with --storage; credentials in AWS_… or AWS_SHARED_CREDENTIALS_FILE
  --node-url URL              of front: where the node is reached from there, may be repeated for the process that stands by; default: its URL in the roster
  --admin-key VKEY            who may send signed admin requests to the public listener, may be repeated; default: nobody
  --admin-token-file FILE     or with a bearer token: one a line, perhaps "name token"; mode 0600
  --log-level LEVEL           silent, error, warn, info or debug; default info
  --log-format FORMAT         json, an object a line, or pretty; default json
  --json                      of config: a JSON document
  --to FOLDER|FILE            of backup and rotate: where to; of backup, a name in .tar, .tar.gz or .tgz makes one file
  --with-keys                 of backup: private keys too, except the witness's. Whoever has it can sign as this node
  --from BACKUP               of restore: the backup
  --keys DIR                  of restore: log.key, notices.key and export.key, for a backup without keys
  --witness-key new           of restore: the witness goes on under a new key, which the roster has to name
  --without-witness NAME      of restore: a witness that is gone for good and is not asked, may be repeated
  --accept-unwitnessed        of restore: go on although no other witness can say how far the logs had come
  --version, --help

Every option up to --log-format but --data may stand in <data>/node.json under its camelCase name (logLevel), or in the
environment (VOUCHSAFE_NODE_LOG_LEVEL, lists separated by spaces). Arguments win over the environment, it over the file.
Logs go to standard error.
`
