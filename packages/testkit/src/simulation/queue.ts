/** Something that happens at a moment of virtual time. */
export interface SimulatedEvent {
  readonly atMs: number
  /** Whose it is. Events of one moment happen in the order of their owners' names, an owner's own in the order in which it asked for them. */
  readonly owner: string
  readonly number: number
  /** What the trace says; nothing for what only ends a wait. */
  readonly label: string
  readonly run: () => void
  cancelled: boolean
}

/** Events in their order. */
export interface EventQueue {
  add(atMs: number, owner: string, label: string, run: () => void): SimulatedEvent
  /** Takes the next one; those that were cancelled are passed over. */
  take(): SimulatedEvent | undefined
  peekMs(): number | undefined
}

function isBefore(a: SimulatedEvent, b: SimulatedEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs
  return a.owner === b.owner ? a.number < b.number : a.owner < b.owner
}

/**
 * Makes an empty queue, a binary heap. The order never depends on which of two owners was faster in real time: work outside of
 * the simulation (an inflater in a thread) then cannot change a run.
 */
export function createEventQueue(): EventQueue {
  const heap: SimulatedEvent[] = []
  const numbers = new Map<string, number>()

  const swap = (i: number, j: number): void => {
    const held = heap[i] as SimulatedEvent
    heap[i] = heap[j] as SimulatedEvent
    heap[j] = held
  }
  const isLess = (i: number, j: number): boolean => isBefore(heap[i] as SimulatedEvent, heap[j] as SimulatedEvent)

  const removeFirst = (): SimulatedEvent | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ;) {
      const left = 2 * at + 1
      const right = left + 1
      let least = at
      if (left < heap.length && isLess(left, least)) least = left
      if (right < heap.length && isLess(right, least)) least = right
      if (least === at) return first
      swap(at, least)
      at = least
    }
  }

  const dropCancelled = (): void => {
    while (heap[0]?.cancelled === true) removeFirst()
  }

  return {
    add(atMs, owner, label, run) {
      const number = (numbers.get(owner) ?? 0) + 1
      numbers.set(owner, number)
      const event: SimulatedEvent = { atMs, owner, number, label, run, cancelled: false }
      heap.push(event)
      for (let at = heap.length - 1; at > 0;) {
        const parent = (at - 1) >> 1
        if (!isLess(at, parent)) break
        swap(at, parent)
        at = parent
      }
      return event
    },
    take() {
      dropCancelled()
      return removeFirst()
    },
    peekMs() {
      dropCancelled()
      return heap[0]?.atMs
    },
  }
}
