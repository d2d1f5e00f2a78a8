/**
 * What a commit's or tag's signature is worth: a fact for a rebuild statement, never a decision.
 *
 * - `valid`: made by a key that the list allows, for git, at the time the object claims.
 * - `unknown-signer`: made by the key named, over these bytes; the list does not allow that key (or not then).
 * - `bad`: a signature is there, and it is none.
 * - `unchecked`: a signature is there, and nothing here can judge it: OpenPGP without gpg or without that key, X.509, a kind of SSH key that is not read.
 * - `unsigned`: none is there.
 *
 * `key` is there only when the signature was verified with it: a claim about a key is none.
 *
 * @packageDocumentation
 */
import { escapeForDisplay, isPlaceholder } from "@vouchsafe/core"
import { findSigner, parseAllowedSigners } from "./allowed-signers.ts"
import type { CommitObject, TagObject } from "./objects.ts"
import { checkOpenPgp, type OpenPgpTools, splitKeys } from "./openpgp.ts"
import { GIT_NAMESPACE, SSH_SIGNATURE_BEGIN, verifySshSignature } from "./sshsig.ts"

/** The fact, as rebuild statements carry it. */
export interface SignatureFact {
  readonly state: "valid" | "unsigned" | "unknown-signer" | "bad" | "unchecked"
  readonly kind: "ssh" | "openpgp" | null
  /** `SHA256:…` of an SSH key, or the upper-case hex fingerprint of an OpenPGP primary key. */
  readonly key: string | null
  /** The principal of the list, or the user id of the OpenPGP key; null also where it is nothing to show. */
  readonly signer: string | null
}

/** The fact with what people want to know. */
export interface SignatureCheck {
  readonly fact: SignatureFact
  /** Which object was judged. */
  readonly object: { readonly type: "commit" | "tag"; readonly id: string }
  /** Seconds since 1970 at which the signature was judged: what committer or tagger wrote down, unless another time was asked for. */
  readonly time: number | null
  /** One line: why. */
  readonly detail: string
}

/** What is asked. */
export interface SignatureQuestion {
  readonly object: CommitObject | TagObject
  /** An allowed_signers file, armored OpenPGP public keys, or both in one text. Empty: nobody is allowed. */
  readonly allowedSigners: string
  /** Seconds since 1970; by default the object's own. */
  readonly time?: number | undefined
  /** How to ask gpg; without it OpenPGP signatures are `unchecked`. */
  readonly openpgp?: OpenPgpTools | undefined
}

/** Characters of a signer's name in a fact. */
const SIGNER_LENGTH_MAX = 400
const PGP_BEGINS = ["-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----"]

/** Judges the signature of one object. Never throws for what stands in it. */
export async function checkSignature(question: SignatureQuestion): Promise<SignatureCheck> {
  const { object } = question
  const time = question.time ?? object.time
  const about = { object: { type: object.type, id: object.id }, time }
  const armored = object.signature
  if (armored === null) return { ...about, fact: fact("unsigned", null), detail: `the ${object.type} has no signature` }
  if (armored.startsWith(SSH_SIGNATURE_BEGIN)) return { ...about, ...checkSsh(question, armored, time) }
  if (PGP_BEGINS.some((begin) => armored.startsWith(begin))) return { ...about, ...await checkPgp(question, armored, time) }
  if (armored.startsWith("-----BEGIN SIGNED MESSAGE-----")) return { ...about, fact: fact("unchecked", null), detail: "X.509 signatures are not judged here" }
  return { ...about, fact: fact("bad", null), detail: "what stands in the signature's place is none of a known kind" }
}

function fact(state: SignatureFact["state"], kind: SignatureFact["kind"], key: string | null = null, signer: string | null = null): SignatureFact {
  return { state, kind, key, signer: signer === null ? null : nameOf(signer) }
}

/** Names are written by strangers; one that a statement could not carry is none. */
function nameOf(text: string): string | null {
  const name = text.trim()
  return name.length > SIGNER_LENGTH_MAX || isPlaceholder(name) || escapeForDisplay(name) !== name ? null : name
}

type Judged = Pick<SignatureCheck, "fact" | "detail">

function checkSsh({ object, allowedSigners }: SignatureQuestion, armored: string, time: number | null): Judged {
  const verified = verifySshSignature(armored, object.payload, GIT_NAMESPACE)
  if (!verified.ok) return { fact: fact(verified.code === "SSH_UNSUPPORTED" ? "unchecked" : "bad", "ssh"), detail: verified.detail }
  const { fingerprint } = verified.key
  if (time === null) return { fact: fact("unknown-signer", "ssh", fingerprint), detail: `the ${object.type} does not say when it was made, so no validity can be judged` }
  const found = findSigner(parseAllowedSigners(splitKeys(allowedSigners).ssh), { key: verified.key, namespace: GIT_NAMESPACE, time })
  if (!found.ok) return { fact: fact("unknown-signer", "ssh", fingerprint), detail: found.detail }
  return { fact: fact("valid", "ssh", fingerprint, found.signer), detail: `signed by ${found.signer} with ${fingerprint}` }
}

async function checkPgp({ object, allowedSigners, openpgp }: SignatureQuestion, armored: string, time: number | null): Promise<Judged> {
  const keys = splitKeys(allowedSigners).openpgp
  if (openpgp === undefined) return { fact: fact("unchecked", "openpgp"), detail: "gpg is not at hand to judge an OpenPGP signature" }
  if (keys === "") return { fact: fact("unchecked", "openpgp"), detail: "no OpenPGP public keys were given" }
  const { state, key, signer, detail } = await checkOpenPgp(openpgp, { keys, signature: armored, payload: object.payload, time })
  return { fact: fact(state, "openpgp", key, signer), detail }
}

/** From what must never be passed over to what says least. */
const GRAVITY: readonly SignatureFact["state"][] = ["bad", "valid", "unknown-signer", "unchecked", "unsigned"]

/**
 * The one check that stands for a commit and the tags that lead to it: a signature of either vouches for the source, and
 * one that is bad is never hidden behind a good one.
 */
export function weightiestSignature(checks: readonly [SignatureCheck, ...SignatureCheck[]]): SignatureCheck {
  return checks.reduce((a, b) => (GRAVITY.indexOf(b.fact.state) < GRAVITY.indexOf(a.fact.state) ? b : a))
}
