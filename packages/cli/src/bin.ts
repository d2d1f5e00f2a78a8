import { watchOutput } from "./lost-output.ts"
import { main } from "./main.ts"

const settle = watchOutput(process)
settle(await main(process.argv.slice(2), {
  stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), isTty: process.stderr.isTTY === true,
}))
