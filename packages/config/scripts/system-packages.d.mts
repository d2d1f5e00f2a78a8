/** What the set-up asks of the machine. */
export interface SystemWorld {
  /** Whether a program is on the PATH. */
  readonly has: (program: string) => boolean
  readonly isRoot: boolean
  /** Whether apt-get has lists of packages. */
  readonly hasPackageLists: () => boolean
  /** Runs a program to its end. @returns its exit status; null where it did not end by itself or did not start */
  readonly run: (program: string, args: readonly string[], env: Readonly<Record<string, string>>, timeoutMs: number) => number | null
  readonly print: (line: string) => void
}
export interface Trouble { readonly message: string; readonly hint: string }
export const PROGRAMS: Readonly<Record<string, string>>
export function provideSystemPackages(world: SystemWorld): Trouble | undefined
export function sandboxTrouble(world: SystemWorld): string | undefined
