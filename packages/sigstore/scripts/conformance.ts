/**
 * What the public sigstore-conformance suite drives (`--entrypoint`): exit 0 when the bundle verifies, 1 when it does not, 2 for wrong usage.
 *
 *     node --conditions=source scripts/conformance.ts verify-bundle --bundle F --certificate-identity I --certificate-oidc-issuer O [--trusted-root F] FILE|sha256:DIGEST
 *     node --conditions=source scripts/conformance.ts verify-bundle --bundle F --key K [--trusted-root F] FILE|sha256:DIGEST
 *
 * @packageDocumentation
 */
import { existsSync, readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { type ExpectedSigner, refusalOf } from "../src/conformance.ts"
import { embeddedTrustedRoot } from "../src/trust/embedded.ts"

const USAGE_STATUS = 2

function usage(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(USAGE_STATUS)
}

function main(argv: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...argv], allowPositionals: true,
    options: {
      "bundle": { type: "string" }, "certificate-identity": { type: "string" }, "certificate-oidc-issuer": { type: "string" },
      "key": { type: "string" }, "trusted-root": { type: "string" }, "staging": { type: "boolean" },
    },
  })
  const [command, artifact] = positionals
  if (command !== "verify-bundle" || artifact === undefined || values.bundle === undefined) usage("expected verify-bundle --bundle FILE … FILE|sha256:DIGEST")
  if (values.staging === true && values["trusted-root"] === undefined) usage("the staging instance needs --trusted-root")
  const signer = signerOf(values.key, values["certificate-identity"], values["certificate-oidc-issuer"])
  const sha256 = /^sha256:([0-9a-f]{64})$/.exec(artifact)?.[1]
  const refusal = refusalOf({
    bundle: readFileSync(values.bundle, "utf8"), signer,
    trustedRoot: values["trusted-root"] === undefined ? embeddedTrustedRoot() : readFileSync(values["trusted-root"], "utf8"),
    artifact: sha256 !== undefined && !existsSync(artifact) ? { sha256 } : { bytes: readFileSync(artifact) },
  })
  if (refusal === undefined) return 0
  process.stderr.write(`refused: ${refusal}\n`)
  return 1
}

function signerOf(key: string | undefined, identity: string | undefined, issuer: string | undefined): ExpectedSigner {
  if (key !== undefined) return { keyPem: readFileSync(key, "utf8") }
  return identity === undefined || issuer === undefined ? usage("expected --key, or --certificate-identity and --certificate-oidc-issuer") : { identity, issuer }
}

process.exitCode = main(process.argv.slice(2))
