import { escapeForDisplay } from "@vouchsafe/core"
import { resolve } from "node:path"
import { runNode } from "../binaries.ts"
import { type CliIo, EXIT } from "../io.ts"
import { createKeyFile, readVerifier } from "../keys/key-file.ts"
import { passphraseOf } from "../keys/passphrase.ts"
import { printJson, printLines, say } from "../output.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface NodeFlags {
  readonly data?: string
  readonly operator?: string
  readonly url?: string
}

/** `keys new|show`: a publisher's keys. `keys node`, and `keys --data …` as it was spelled first: a node's. */
export const registerKeys: Register = (program, io, done) => {
  const showNode = async (flags: NodeFlags): Promise<void> => {
    const { data, operator, url } = flags
    if (data === undefined || operator === undefined || url === undefined) {
      throw usage("keys needs new, show or node; node needs --data, --operator and --url", "vouchsafe keys new FILE --name NAME makes a publisher's key")
    }
    io.stdout.write(await runNode(io, ["keys", "--data", data, "--operator", operator, "--url", url]))
    done(EXIT.done)
  }
  const nodeOptions = (command: ReturnType<typeof program.command>) => command
    .option("--data <dir>", "the node's data folder").option("--operator <name>", "who runs the node: a-z, 0-9 and hyphens")
    .option("--url <url>", "where others reach the node").option("--json", "the same; a node's keys are printed as JSON always")
  const keys = nodeOptions(program.command("keys").description("make and show keys: a publisher's (new, show), or a node's (node)"))
    .action(showNode)
  nodeOptions(keys.command("node").description("make a node's keys if missing, and show their public halves as a roster entry")).action(showNode)
  keys.command("new").description("make a publisher's key in a new file that only you can read")
    .argument("<file>", "where to write it").requiredOption("--name <name>", "who the key belongs to, such as acme.example/releases")
    .option("--passphrase", "seal it under the passphrase in VOUCHSAFE_PASSPHRASE").option("--passphrase-file <file>", "seal it under the first line of this file").option("--json", "one JSON document on stdout")
    .action(async (file: string, flags: { name: string; passphrase?: boolean; passphraseFile?: string; json?: boolean }) => {
      const isSealed = flags.passphrase === true || flags.passphraseFile !== undefined
      const passphrase = isSealed ? passphraseOf(io, flags.passphraseFile) : undefined
      if (isSealed && passphrase === undefined) throw usage("--passphrase was given and VOUCHSAFE_PASSPHRASE is empty", "or name a file with --passphrase-file")
      const signer = await createKeyFile(resolve(io.cwd, file), flags.name, passphrase)
      show(io, signer.verifier.vkey, isSealed, flags.json === true)
      if (flags.json !== true) say(io, `put this line into \`publishers\` of a policy, and give it to the nodes that take your releases (--publisher-key)${isSealed ? "" : "\nthe file is not sealed: whoever reads it can release in your name"}`)
      done(EXIT.done)
    })
  keys.command("show").description("the public half of a publisher's key").argument("<file>", "the key").option("--json", "one JSON document on stdout")
    .action((file: string, flags: { json?: boolean }) => {
      const { vkey, sealed } = readVerifier(resolve(io.cwd, file))
      show(io, vkey, sealed, flags.json === true)
      done(EXIT.done)
    })
}

function show(io: CliIo, vkey: string, sealed: boolean, json: boolean): void {
  if (json) printJson(io, { vkey, sealed })
  else printLines(io, [escapeForDisplay(vkey)])
}
