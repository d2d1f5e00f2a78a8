// An S3-compatible server in a process of its own: prints its port, ends with its standard input.
import { createRequire } from "node:module"

const S3rver = createRequire(import.meta.url)("@20minutes/s3rver")
const server = new S3rver({
  address: "127.0.0.1", port: 0, silent: true, directory: process.argv[2], configureBuckets: [{ name: process.argv[3] }],
})
const { port } = await server.run()
process.stdout.write(`${port}\n`)
process.stdin.resume()
process.stdin.on("end", () => process.exit(0))
