// Programs that tests start and no npm package brings. JavaScript for the same reason as setup.mjs, whose part this is.

/** Programs by the Debian package that holds them. */
export const PROGRAMS = { bwrap: "bubblewrap", git: "git", "ssh-keygen": "openssh-client", gpg: "gnupg", initdb: "postgresql", ip: "iproute2" }
const APT_MS_MAX = 600_000
const PROBE_MS_MAX = 30_000

/**
 * Installs what is missing, where this process may, and says what to do where it may not.
 *
 * @returns undefined when all programs are there, else what is wrong and the next step
 */
export function provideSystemPackages(world) {
  const missing = () => Object.entries(PROGRAMS).filter(([program]) => !world.has(program))
  const wanted = missing().map(([, name]) => name)
  if (wanted.length === 0) return undefined
  const what = `tests need ${missing().map(([program]) => program).join(", ")}, not found on the PATH`
  if (!world.has("apt-get")) return { message: what, hint: `install ${wanted.join(", ")} with your system's package manager and run again` }
  if (!world.isRoot) return { message: what, hint: `run as root: apt-get update && apt-get install -y --no-install-recommends ${wanted.join(" ")}` }
  const apt = (args) => {
    world.print(`setup: apt-get ${args.join(" ")}`)
    return world.run("apt-get", args, { DEBIAN_FRONTEND: "noninteractive" }, APT_MS_MAX) === 0
  }
  const install = () => apt(["install", "-y", "-q", "--no-install-recommends", ...wanted])
  // images come without the lists; lists that are old name versions that are gone
  const updated = !world.hasPackageLists() && apt(["update", "-q"])
  const installed = install() || (!updated && apt(["update", "-q"]) && install())
  const left = missing().map(([program]) => program)
  if (installed && left.length === 0) return undefined
  return { message: installed ? `${left.join(", ")} not found after the install` : `apt-get could not install ${wanted.join(", ")}`, hint: "see its words above; is the system's package mirror reachable?" }
}

/** What is wrong with the sandbox on this machine, in bubblewrap's words; undefined where it works. */
export function sandboxTrouble(world) {
  const args = ["--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "true"]
  return world.run("bwrap", args, {}, PROBE_MS_MAX) === 0 ? undefined : "bubblewrap cannot make a sandbox here; are user namespaces allowed (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)?"
}
