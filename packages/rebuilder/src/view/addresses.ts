/**
 * Which addresses a rebuild may connect to when somebody else chose the host name; the table is shared, in ports.
 *
 * @packageDocumentation
 */
import { createAddressCheck } from "@vouchsafe/ports"
import { BlockList, isIP } from "node:net"

/** Tells whether an IP address in text form lies on the public Internet. False for anything that is no address. */
export const isPublicAddress: (address: string) => boolean = createAddressCheck({
  family: isIP,
  createSet: () => new BlockList(),
  // the URL parser writes an address in its one canonical form
  canonical: (address) => new URL(`http://[${address}]/`).hostname.slice(1, -1),
})
