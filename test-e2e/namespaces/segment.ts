/**
 * A network of network namespaces: one for each host, one for the switch between them. Links are cut and hosts kept apart without anybody being
 * told: packets vanish, no connection is refused, as when a machine or a line is gone.
 *
 * Linux, root and iproute2. Where one of them is missing, opening fails and says so.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

/** Hosts on one wire. */
export interface Segment {
  addressOf(host: string): string
  /** A command as it has to be spawned to run on a host. */
  on(host: string, argv: readonly string[]): string[]
  /** Takes a host's link down at the switch. */
  cut(host: string): void
  heal(host: string): void
  /** Lets what two hosts send each other vanish, and nothing else. */
  separate(one: string, other: string): void
  rejoin(one: string, other: string): void
  /** Everything as it was at first. */
  healAll(): void
  /** Ends what still runs in the namespaces and removes them. */
  close(): void
}

const IP_PLACES = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"]
const IP_MS_MAX = 20_000
const SUBNET = "10.77.0"
const PREFIX_BITS = 24
const HOSTS_MAX = 200
const SWITCH = "switch"
const DEVICE = "eth0"
/** `vs<pid of the run>-<host>`. */
const OWN_NAME = /^vs(\d+)-[a-z0-9]+/
/** A locally administered address that no device has. */
const NOBODY = "02:00:00:00:ff:ff"

const ipProgram = (): string => {
  const found = IP_PLACES.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`tests of cut links need ip, found none of ${IP_PLACES.join(", ")}: install iproute2`)
  return found
}

function ip(args: readonly string[], input?: string): string {
  const ran = spawnSync(ipProgram(), args, { encoding: "utf8", timeout: IP_MS_MAX, ...(input === undefined ? {} : { input }) })
  if (ran.status === 0) return ran.stdout
  throw new Error(`ip ${args.join(" ")} ended with ${String(ran.status ?? ran.signal ?? ran.error?.message)}: ${ran.stderr.trim()}`)
}

/** Makes the namespaces. @throws Error with the reason where this machine cannot. */
export function openSegment(hosts: readonly string[]): Segment {
  if (process.platform !== "linux" || process.getuid?.() !== 0) throw new Error(`tests of cut links make network namespaces: expected root on Linux, found user ${String(process.getuid?.())} on ${process.platform}`)
  if (hosts.length === 0 || hosts.length > HOSTS_MAX || !hosts.every((host) => /^[a-z0-9]{1,8}$/.test(host) && host !== SWITCH)) throw new RangeError(`hosts are ${hosts.join(", ")}`)
  sweep()
  const name = (host: string): string => `vs${process.pid}-${host}`
  const number = (host: string): number => {
    const found = hosts.indexOf(host)
    if (found < 0) throw new RangeError(`no host ${host}`)
    return found + 1
  }
  const addressOf = (host: string): string => `${SUBNET}.${number(host)}`
  const cardOf = (host: string): string => `02:00:00:00:00:${number(host).toString(16).padStart(2, "0")}`
  const port = (host: string): string => `port${number(host)}`
  const within = (host: string, ...lines: string[]): void => { ip(["-n", name(host), "-batch", "-"], `${lines.join("\n")}\n`) }
  // Never asked for by ARP: who is gone must look silent, not "no route to host" after three seconds.
  const way = (host: string, card: string): string => `neigh replace ${addressOf(host)} lladdr ${card} dev ${DEVICE} nud permanent`
  const others = (host: string): string[] => hosts.filter((other) => other !== host)
  const close = (): void => { for (const made of [...hosts, SWITCH].map(name).filter((one) => listed().includes(one))) remove(made) }
  const link = (host: string, state: "up" | "down"): void => within(SWITCH, `link set ${port(host)} ${state}`)
  const ways = (one: string, other: string, isOpen: boolean): void => {
    within(one, way(other, isOpen ? cardOf(other) : NOBODY))
    within(other, way(one, isOpen ? cardOf(one) : NOBODY))
  }
  try {
    for (const host of [SWITCH, ...hosts]) ip(["netns", "add", name(host)])
    within(SWITCH, "link set lo up", "link add bridge type bridge", "link set bridge up")
    for (const host of hosts) {
      ip(["link", "add", DEVICE, "netns", name(host), "type", "veth", "peer", "name", port(host), "netns", name(SWITCH)])
      within(SWITCH, `link set ${port(host)} master bridge`, `link set ${port(host)} up`)
      within(host, "link set lo up", `link set ${DEVICE} address ${cardOf(host)}`, `addr add ${addressOf(host)}/${PREFIX_BITS} dev ${DEVICE}`, `link set ${DEVICE} up`, ...others(host).map((other) => way(other, cardOf(other))))
    }
  } catch (error) {
    close()
    throw new Error("this machine cannot make network namespaces, and tests of cut links need them", { cause: error })
  }
  return {
    addressOf, close,
    on: (host, argv) => [ipProgram(), "netns", "exec", name(host), ...argv],
    cut: (host) => { link(host, "down") },
    heal: (host) => { link(host, "up") },
    separate: (one, other) => { ways(one, other, false) },
    rejoin: (one, other) => { ways(one, other, true) },
    healAll() {
      for (const host of hosts) {
        link(host, "up")
        within(host, ...others(host).map((other) => way(other, cardOf(other))))
      }
    },
  }
}

/** Names of all namespaces of this machine. */
function listed(): string[] {
  return ip(["netns", "list"]).split("\n").map((line) => line.split(" ")[0] ?? "").filter((name) => name !== "")
}

/** Removes what runs left that were killed before they could. */
function sweep(): void {
  for (const name of listed()) {
    const pid = Number(OWN_NAME.exec(name)?.[1])
    if (Number.isSafeInteger(pid) && pid !== process.pid && !existsSync(`/proc/${pid}`)) remove(name)
  }
}

/** A namespace lives as long as a process in it, whatever became of its name. */
function remove(name: string): void {
  for (const pid of ip(["netns", "pids", name]).split("\n").map(Number).filter((one) => one > 1)) {
    try {
      process.kill(pid, "SIGKILL")
    } catch (error) {
      // it has ended by itself since
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
    }
  }
  ip(["netns", "del", name])
}
