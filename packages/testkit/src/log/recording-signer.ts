import { type Signer, utf8Decode } from "@vouchsafe/core"

/** A signer that remembers every message it was asked to sign. */
export function recordingSigner(inner: Signer): { readonly signer: Signer; readonly messages: string[] } {
  const messages: string[] = []
  return {
    messages,
    signer: {
      verifier: inner.verifier,
      sign(message) {
        messages.push(utf8Decode(message))
        return inner.sign(message)
      },
    },
  }
}
