/** What nodes tell each other about logs: validated before it is stored or passed on; proofs of misbehavior out of it. @packageDocumentation */
export {}
