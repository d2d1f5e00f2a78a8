/** A DNS server on loopback that knows which domains of this replay have lapsed. @packageDocumentation */
import { createSocket } from "node:dgram"
import type { AddressInfo } from "node:net"

/** @see startDns */
export interface DnsServer {
  /** `127.0.0.1:PORT`. */
  readonly address: string
  /** Names that were asked for. */
  readonly asked: ReadonlySet<string>
  close(): Promise<void>
}

const HEADER_BYTES = 12
const TYPE_A = 1
const TYPE_MX = 15
const NXDOMAIN = 3
const POINTER_TO_QUESTION = Buffer.from([0xc0, HEADER_BYTES])
const TTL = Buffer.from([0, 0, 1, 0x2c])

interface Question { readonly name: string; readonly type: number; /** As it came. */ readonly bytes: Buffer }

function readQuestion(message: Buffer): Question | undefined {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = message[at] ?? 0; length !== 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length))
    at += 1 + length
    if (at + 5 > message.length) return undefined
  }
  return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at + 1), bytes: message.subarray(HEADER_BYTES, at + 5) }
}

function answerTo(message: Buffer, question: Question, isLapsed: boolean): Buffer {
  const data = question.type === TYPE_A ? Buffer.from([192, 0, 2, 1]) : Buffer.concat([Buffer.from([0, 10]), POINTER_TO_QUESTION])
  const hasAnswer = !isLapsed && (question.type === TYPE_A || question.type === TYPE_MX)
  const header = Buffer.alloc(HEADER_BYTES)
  message.copy(header, 0, 0, 2)
  // An answer, recursion desired and available; then the code.
  header.writeUInt16BE(0x8180 | (isLapsed ? NXDOMAIN : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(hasAnswer ? 1 : 0, 6)
  const type = Buffer.alloc(4)
  type.writeUInt16BE(question.type, 0)
  type.writeUInt16BE(1, 2)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(data.length)
  return Buffer.concat([header, question.bytes, ...(hasAnswer ? [POINTER_TO_QUESTION, type, TTL, length, data] : [])])
}

/** Answers every name with a mail server and an address, and those that `isLapsed` names with NXDOMAIN. */
export async function startDns(isLapsed: (name: string) => boolean): Promise<DnsServer> {
  const socket = createSocket("udp4")
  const asked = new Set<string>()
  socket.on("message", (message, from) => {
    const question = message.length > HEADER_BYTES ? readQuestion(message) : undefined
    if (question === undefined) return
    asked.add(question.name)
    socket.send(answerTo(message, question, isLapsed(question.name)), from.port, from.address)
  })
  await new Promise<void>((resolve) => { socket.bind(0, "127.0.0.1", resolve) })
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`, asked,
    close: () => new Promise((resolve) => { socket.close(() => resolve()) }),
  }
}
