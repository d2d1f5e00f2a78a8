import { describe, expect, test } from "vitest"
import { isPublicAddress } from "../src/registry/addresses.ts"

// One row, one address that must never be connected to on somebody else's word.
const REFUSED = [
  ["this network", "0.0.0.0"], ["this network, other", "0.1.2.3"],
  ["loopback", "127.0.0.1"], ["loopback, end", "127.255.255.254"],
  ["private 10", "10.0.0.1"], ["private 172.16", "172.16.0.1"], ["private 172.31", "172.31.255.255"], ["private 192.168", "192.168.1.1"],
  ["link-local", "169.254.1.1"], ["cloud metadata", "169.254.169.254"], ["CGNAT", "100.64.0.1"], ["CGNAT metadata", "100.100.100.200"],
  ["protocol assignments", "192.0.0.192"], ["documentation", "203.0.113.80"], ["benchmarking", "198.19.255.255"],
  ["multicast", "224.0.0.1"], ["broadcast", "255.255.255.255"], ["reserved", "240.0.0.1"],
  ["IPv6 any", "::"], ["IPv6 loopback", "::1"], ["IPv4-mapped loopback", "::ffff:127.0.0.1"], ["IPv4-mapped, hex", "::ffff:7f00:1"],
  ["IPv4-mapped public", "::ffff:8.8.8.8"], ["IPv4-compatible", "::127.0.0.1"], ["link-local v6", "fe80::1"], ["link-local with zone", "fe80::1%eth0"],
  ["site-local", "fec0::1"], ["ULA", "fd00:ec2::254"], ["ULA fc", "fc00::1"], ["multicast v6", "ff02::1"],
  ["6to4 of loopback", "2002:7f00:1::"], ["Teredo", "2001:0:7f00:1::"], ["documentation v6", "2001:db8::1"], ["discard", "100::1"],
  ["NAT64 of loopback", "64:ff9b::7f00:1"], ["NAT64 of metadata, dotted", "64:ff9b::169.254.169.254"], ["NAT64 of 0.0.0.1", "64:ff9b::1"],
  ["NAT64 local", "64:ff9b:1::1"], ["a zone on a public address", "2a00::1%1"],
  ["no address", "localhost"], ["decimal address", "2130706433"], ["octal address", "0177.0.0.1"], ["empty", ""],
] as const

describe("addresses that only this machine or its network can reach", () => {
  test.each(REFUSED)("refused: %s", (_name, address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

test.each([
  "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
  "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "64:ff9b::808:808", "64:ff9b::8.8.8.8",
])("public: %s", (address) => {
  expect(isPublicAddress(address)).toBe(true)
})
