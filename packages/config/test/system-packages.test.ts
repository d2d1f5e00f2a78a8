import { describe, expect, test } from "vitest"
import { PROGRAMS, provideSystemPackages, type SystemWorld } from "../scripts/system-packages.mjs"

interface Planted {
  readonly there?: readonly string[]
  readonly isRoot?: boolean
  readonly lists?: boolean
  /** Exit status of each call of apt-get, in order. */
  readonly apt?: readonly (number | null)[]
  /** Whether an install that succeeds brings the programs. */
  readonly brings?: boolean
}

function plant({ there = ["apt-get"], isRoot = true, lists = true, apt = [0], brings = true }: Planted): { world: SystemWorld, calls: string[], printed: string[] } {
  const programs = new Set(there)
  const calls: string[] = []
  const printed: string[] = []
  const world: SystemWorld = {
    has: (program) => programs.has(program),
    isRoot,
    hasPackageLists: () => lists,
    print: (line) => printed.push(line),
    run(program, args, env) {
      const status = apt[calls.length] ?? null
      calls.push(`${program} ${args.join(" ")} ${env["DEBIAN_FRONTEND"]}`)
      if (status === 0 && args[0] === "install" && brings) for (const [name, holder] of Object.entries(PROGRAMS)) if (args.includes(holder)) programs.add(name)
      return status
    },
  }
  return { world, calls, printed }
}

const INSTALL = "apt-get install -y -q --no-install-recommends bubblewrap git openssh-client gnupg postgresql iproute2 noninteractive"
const UPDATE = "apt-get update -q noninteractive"

describe("installs what is missing", () => {
  test.each<{ name: string, planted: Planted, calls: string[] }>([
    { name: "nothing, where all is there", planted: { there: Object.keys(PROGRAMS) }, calls: [] },
    { name: "all, with the lists that are there", planted: {}, calls: [INSTALL] },
    { name: "only what is missing", planted: { there: ["apt-get", "git", "gpg", "ssh-keygen", "initdb", "ip"] }, calls: ["apt-get install -y -q --no-install-recommends bubblewrap noninteractive"] },
    { name: "after an update, where there are no lists", planted: { lists: false, apt: [0, 0] }, calls: [UPDATE, INSTALL] },
    { name: "after an update, where the lists are too old", planted: { apt: [100, 0, 0] }, calls: [INSTALL, UPDATE, INSTALL] },
  ])("$name", ({ planted, calls }) => {
    const { world, calls: made, printed } = plant(planted)
    expect(provideSystemPackages(world)).toBeUndefined()
    expect(made).toEqual(calls)
    expect(printed).toHaveLength(calls.length)
  })
})

describe("says what to do", () => {
  test.each<{ name: string, planted: Planted, calls: number, message: string, hint: string }>([
    { name: "no apt-get", planted: { there: ["git"] }, calls: 0, message: "tests need bwrap, ssh-keygen, gpg, initdb, ip", hint: "your system's package manager" },
    { name: "not root", planted: { isRoot: false }, calls: 0, message: "not found on the PATH", hint: "run as root: apt-get update && apt-get install" },
    { name: "the install fails twice", planted: { apt: [100, 0, 100] }, calls: 3, message: "could not install bubblewrap", hint: "mirror" },
    { name: "the update fails", planted: { apt: [100, 100] }, calls: 2, message: "could not install", hint: "mirror" },
    { name: "no lists, and no second update", planted: { lists: false, apt: [0, 100] }, calls: 2, message: "could not install", hint: "mirror" },
    { name: "apt-get hangs", planted: { apt: [null, null] }, calls: 2, message: "could not install", hint: "mirror" },
    { name: "it succeeds and brings nothing", planted: { brings: false }, calls: 1, message: "bwrap, git, ssh-keygen, gpg, initdb, ip not found after the install", hint: "above" },
  ])("$name", ({ planted, calls, message, hint }) => {
    const { world, calls: made } = plant(planted)
    expect(provideSystemPackages(world)).toEqual({ message: expect.stringContaining(message), hint: expect.stringContaining(hint) })
    expect(made).toHaveLength(calls)
  })
})
