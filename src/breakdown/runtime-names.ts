// runtime-names.ts: what stacks and the names of functions tell that the tracer's events do not: waits within the runtime itself, goroutines
// that serve whoever comes, and whether a stack shows what its goroutine runs.

import type { StackFrame } from './breakdown.ts'

/** Functions through which the runtime parks a goroutine: older versions leave them on top of the stack. */
const PARKING = /^runtime\.(gopark|goparkunlock|semacquire1?)$/
/** Functions of the runtime in which a program waits for channels. */
const CHANNELS = /^runtime\.(selectgo|chan(send|recv)\d?)$/
/** Functions of the collector. */
const COLLECTOR = /^runtime\.(GC|gc[A-Z]\w*|stopTheWorldGC)$/

/**
 * What a wait is for that the runtime calls `sync`, or nothing at all up to Go 1.21, when it waits for a semaphore of its own: to begin or
 * to end a cycle of the collector (`gcStart`, `gcMarkDone`: whoever allocates may have to), for a cycle's end, or to stop the world.
 * Null when it is the program's lock.
 */
export function runtimeWaitOf(stack: readonly StackFrame[]): 'GC' | 'runtime' | null {
  const leaf = stack.find((frame) => !PARKING.test(frame.function))?.function ?? ''
  if (!leaf.startsWith('runtime.') || CHANNELS.test(leaf)) return null
  return COLLECTOR.test(leaf) ? 'GC' : 'runtime'
}

/** Frames that the runtime writes of a stack, from the leaf on (Go 1.26, runtime/tracestack.go, traceStackSize). */
const MOST_FRAMES = 128

/**
 * Whether the outermost frame of a stack is not the function that the goroutine runs: the stack may have been cut, or it names nothing, as up to
 * Go 1.21 where a goroutine was stopped in the middle of something.
 */
export function isCut(stack: readonly StackFrame[]): boolean {
  return stack.length >= MOST_FRAMES || stack.at(-1)?.function === ''
}

/** The frame nearest to the leaf that is not the runtime's. */
export function frameOutsideRuntime(stack: readonly StackFrame[]): StackFrame | undefined {
  return stack.find((frame) => !frame.function.startsWith('runtime.'))
}

/** Functions through which a goroutine waits in a select or for a condition. */
const SELECTS = /^(runtime\.(gopark|selectgo)|sync\.(\(\*Cond\)\.Wait|runtime_notifyListWait))$/
/** Of these and what they call. */
const SELECTING = /^(runtime|sync)\./
/** Packages of HTTP/2 (with the names of Go 1.27), and the types in them with the prefix that those of net/http have. */
const HTTP2 = String.raw`(net\/http\.\(\*http2|(net\/http\/internal|golang\.org\/x\/net)\/http2\.\(\*)`
/**
 * Where clients and servers wait for the other side, whoever tells them: for an answer, for a message of a stream or a body, and, in flow control,
 * for the other side to have read. Not where a connection or a place on one is waited for, which other requests have.
 */
const WAITS_FOR_NETWORK: readonly RegExp[] = [
  new RegExp(String.raw`^${HTTP2}ClientConn\)\.roundTrip(\.func\d+)*$`),
  new RegExp(
    String.raw`^${HTTP2}(clientStream\)\.(writeRequest|writeRequestBody|awaitFlowControl)|pipe\)\.Read)$`,
    'i',
  ),
  new RegExp(String.raw`^${HTTP2}serverConn\)\.(writeDataFromHandler|writeHeaders)$`),
  /^crypto\/tls\.\(\*Conn\)\.handshakeContext\.func\d+$/,
  /^google\.golang\.org\/grpc\/internal\/transport\.\(\*(recvBufferReader\)\.\w+|(Client)?Stream\)\.waitOnHeader|writeQuota\)\.get)$/,
]

/**
 * Where a client of HTTP/1 waits for its request to be written, and then for the answer, and where it waits for the hand-shake that another goroutine
 * makes: who ends the wait tells which it was.
 */
const WAITS_FOR_ANSWER = /^net\/http\.\(\*persistConn\)\.(roundTrip|addTLS)$/

/** Whether a wait in a select or for a condition is for the network, by where it is: somebody else of the program reads it and tells. */
export function waitsForNetwork(stack: readonly StackFrame[]): boolean {
  const place = placeOfSelect(stack)
  return WAITS_FOR_NETWORK.some((one) => one.test(place))
}

/** Where a client waits until one of the streams that its connection may have is free, which other requests have. */
const WAITS_FOR_STREAM = new RegExp(
  String.raw`^(google\.golang\.org\/grpc\/internal\/transport\.\(\*http2Client\)\.NewStream|${HTTP2}ClientConn\)\.awaitOpenSlotForStreamLocked)$`,
)

/** Whether a wait in a select or for a condition is for a stream of a connection, by where it is. */
export function waitsForStream(stack: readonly StackFrame[]): boolean {
  return WAITS_FOR_STREAM.test(placeOfSelect(stack))
}

/** Whether a system call waits for another process to end, by its stack. */
export function waitsForProcess(stack: readonly StackFrame[]): boolean {
  return stack.some((frame) => frame.function === 'os.(*Process).Wait')
}

/** Where a client waits until a connection is dialled, or others give one back: net/http, database/sql. */
const WAITS_FOR_CONNECTION = /^(net\/http\.\(\*Transport\)\.getConn|database\/sql\.\(\*DB\)\.conn)$/

/** Whether a wait is for a connection, by where it is. */
export function waitsForConnection(stack: readonly StackFrame[]): boolean {
  return WAITS_FOR_CONNECTION.test(frameOutsideRuntime(stack)?.function ?? '')
}

/** Whether a wait that a deadline ended, or another request, was for the network. */
export function wouldWaitForNetwork(stack: readonly StackFrame[]): boolean {
  return waitsForNetwork(stack) || WAITS_FOR_ANSWER.test(frameOutsideRuntime(stack)?.function ?? '')
}

/** Function in which a goroutine waits in a select or for a condition; empty where it waits otherwise. */
function placeOfSelect(stack: readonly StackFrame[]): string {
  if (stack.length === 0 || !SELECTS.test(stack[0].function)) return ''
  return stack.find((frame) => !SELECTING.test(frame.function))?.function ?? ''
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
 * Where a connection of database/sql is waited for: who is given one that comes back is drawn at random (Go 1.23, database/sql/sql.go,
 * TakeRandom; from a map before).
 */
const DRAWN_AT_RANDOM = /^database\/sql\.\(\*DB\)\.conn$/

/** Whether those that wait for a channel at a stack are given what they wait for in any order, not first come, first served. */
export function isServedInAnyOrder(stack: readonly StackFrame[]): boolean {
  return DRAWN_AT_RANDOM.test(frameOutsideRuntime(stack)?.function ?? '')
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
