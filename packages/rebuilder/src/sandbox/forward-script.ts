/** Folder inside that holds the sockets of the forwards, named by their port. */
export const SOCKETS_FOLDER = "/opt/vouchsafe/sockets"

/**
 * First process of a sandbox with forwards, as the text of a CommonJS script: it runs inside, where nothing of this package is.
 *
 * `node forward.cjs <ports, comma-separated> <program> [arguments…]`: listens on each port of 127.0.0.1, passes connections
 * to the socket of the port, runs the program once all listen, and ends as it ended (128 + signal, 127 where it is not there).
 */
export const FORWARD_SCRIPT = `"use strict"
const { spawn } = require("node:child_process")
const { constants } = require("node:os")
const net = require("node:net")
const [ports, program, ...args] = process.argv.slice(2)
const CONNECTIONS_MAX = 256
const FAILED = 126
const MISSING = 127

function pass(port, near) {
  const far = net.connect({ path: "${SOCKETS_FOLDER}/" + port, allowHalfOpen: true })
  near.on("error", () => far.destroy())
  far.on("error", () => near.destroy())
  near.on("close", () => far.destroy())
  far.on("close", () => near.destroy())
  near.pipe(far)
  far.pipe(near)
}

function listen(port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true }, (near) => pass(port, near))
    server.maxConnections = CONNECTIONS_MAX
    server.on("error", reject)
    server.listen(Number(port), "127.0.0.1", resolve)
  })
}

function start() {
  const child = spawn(program, args, { stdio: "inherit" })
  child.on("error", (error) => {
    console.error("sandbox: " + error.message)
    process.exit(error.code === "ENOENT" ? MISSING : FAILED)
  })
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

Promise.all(ports.split(",").map(listen)).then(start, (error) => {
  console.error("sandbox: " + error.message)
  process.exit(FAILED)
})
`
