// runtime-names.ts: what stacks and the names of functions tell that the tracer's events do not: waits within the runtime itself, goroutines
// that serve whoever comes, and whether a stack shows what its goroutine runs.

import type { StackFrame } from './breakdown.ts'

/** Functions through which the runtime parks a goroutine: older versions leave them on top of the stack. */
const PARKING = /^runtime\.(gopark|goparkunlock|semacquire1?)$/
/** Functions of the collector. */
const COLLECTOR = /^runtime\.(GC|gc[A-Z]\w*|stopTheWorldGC)$/

/**
 * What a wait is for that the runtime calls `sync`, or nothing at all up to Go 1.21, when it waits for a semaphore of its own: to begin or
 * to end a cycle of the collector (`gcStart`, `gcMarkDone`: whoever allocates may have to), for a cycle's end, or to stop the world.
 * Null when it is the program's lock.
 */
export function runtimeWaitOf(stack: readonly StackFrame[]): 'GC' | 'runtime' | null {
  const leaf = stack.find((frame) => !PARKING.test(frame.function))?.function ?? ''
  if (!leaf.startsWith('runtime.')) return null
  return COLLECTOR.test(leaf) ? 'GC' : 'runtime'
}

/** Frames that the runtime writes of a stack, from the leaf on (Go 1.26, runtime/tracestack.go, traceStackSize). */
const MOST_FRAMES = 128

/** Whether a stack may have been cut, so that its outermost frame is not the function that the goroutine runs. */
export function isCut(stack: readonly StackFrame[]): boolean {
  return stack.length >= MOST_FRAMES
}

/** Functions between a call that reads or writes and the wait for the poller. */
const POLLER = /^(runtime|internal\/poll)\./
/** Functions that read or write a file of the system. What else a file does may wait for the other side, a connection that it is copied to. */
const FILE = /^os\.\(\*File\)\.([Rr]ead|[Ww]rite)$/

/**
 * Whether a wait of reason "network" is for a pipe or a terminal: the runtime's poller waits for files that can make one wait as it does for
 * connections, and gives the same reason. The one that called the poller tells: further out a file may be what a connection is copied to.
 */
export function isPipeWait(stack: readonly StackFrame[]): boolean {
  return FILE.test(stack.find((frame) => !POLLER.test(frame.function))?.function ?? '')
}

/**
 * Entries of goroutines that serve a connection or a pool as long as it is open, whoever asked for it first: HTTP/1 and HTTP/2 clients of
 * Go's library (with the names of Go 1.27) and of golang.org/x/net, what HTTP/1 servers watch a connection with, gRPC's client, database/sql.
 */
const SERVES_ALL: readonly RegExp[] = [
  /^net\/http\.\(\*persistConn\)\.(readLoop|writeLoop)$/,
  /^net\/http\.\(\*connReader\)\.backgroundRead$/,
  /^(net\/http\.\(\*http2ClientConn\)|(net\/http\/internal|golang\.org\/x\/net)\/http2\.\(\*ClientConn\))\.readLoop$/,
  /^google\.golang\.org\/grpc\/internal\/transport\.(\(\*http2Client\)\.(reader|keepalive)|(New|new)HTTP2Client\.func\d+(\.\d+)*)$/,
  /^google\.golang\.org\/grpc\/internal\/grpcsync\.\(\*CallbackSerializer\)\.run$/,
  /^database\/sql\.\(\*DB\)\.connection(Opener|Cleaner)$/,
]

/** Whether a goroutine that begins with a function works for no task that it was created in. */
export function servesAll(entryFunction: string): boolean {
  return SERVES_ALL.some((entry) => entry.test(entryFunction))
}
