/** What a command may touch of the outside: handed in, so that tests run commands without a process. */
export interface CliIo {
  readonly stdout: { write(text: string): void }
  readonly stderr: { write(text: string): void }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whether stderr is a terminal: progress and colour only then. */
  readonly isTty: boolean
}

/** Exit statuses (packages/spec/verdict.md). */
export const EXIT = { done: 0, refused: 1, usage: 2, world: 3, misbehavior: 4 } as const
