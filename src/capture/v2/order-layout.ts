// order-layout.ts: what the kernel (`kernel/order.ts`) and `order.ts` tell each other, and where it lies. Plain numbers: both compilers read this file.

import { ORDER_REGISTERS } from '../block-layout.ts'

// ---- Registers: byte positions. Positions of columns and whole numbers take four bytes, times and arguments eight. ----

/** Header of the table of goroutine ids, as `base/id-table.ts` lays it out. */
export const GOROUTINES = ORDER_REGISTERS
// Columns of the model (`scheduler-model.ts`), and how many goroutine rows there is room for.
export const G_STATUS = ORDER_REGISTERS + 32
export const G_GENERATION = ORDER_REGISTERS + 36
export const G_SEQUENCE = ORDER_REGISTERS + 40
export const G_OPEN = ORDER_REGISTERS + 44
export const G_ID = ORDER_REGISTERS + 48
export const G_ROOM = ORDER_REGISTERS + 52
export const P_STATUS = ORDER_REGISTERS + 56
export const P_GENERATION = ORDER_REGISTERS + 60
export const P_SEQUENCE = ORDER_REGISTERS + 64
export const M_G = ORDER_REGISTERS + 68
export const M_P = ORDER_REGISTERS + 72
// The heads of all threads, and the heap of them.
export const HEADS = ORDER_REGISTERS + 76
export const HEAP_TIMES = ORDER_REGISTERS + 80
export const HEAP_CURSORS = ORDER_REGISTERS + 84
export const HEAP_LENGTH = ORDER_REGISTERS + 88
/** Rows of the columns that are filled. */
export const ROWS = ORDER_REGISTERS + 92
/** Ordinal of the generation. */
export const ORDINAL = ORDER_REGISTERS + 96
// Truth values: how times are told.
export const GO_TIMES = ORDER_REGISTERS + 100
export const WHOLE_UNITS = ORDER_REGISTERS + 104
export const TRUNCATING = ORDER_REGISTERS + 108
/** The cursor that an answer is about. */
export const CURSOR = ORDER_REGISTERS + 112
/** Truth value: whether any event was taken before the answer. */
export const TAKEN = ORDER_REGISTERS + 116
export const LAST_NS = ORDER_REGISTERS + 120
export const NS_PER_UNIT = ORDER_REGISTERS + 128
export const MAX_TIME_NS = ORDER_REGISTERS + 136
export const UNTIL_NS = ORDER_REGISTERS + 144
/** The four arguments of an event that is handed to the model, as doubles. */
export const MODEL_ARGUMENTS = ORDER_REGISTERS + 152
/** Header of the table of processor ids. */
export const PROCESSORS = ORDER_REGISTERS + 184
export const P_SWEEPING = ORDER_REGISTERS + 216
/** Arguments after the time by event number, one byte each: `WireFormat.argumentCounts`. */
export const ARGUMENT_COUNTS = ORDER_REGISTERS + 256
// In it: the most there are, an event whose arguments are read in an order of their own, and an event number that no timed batch may hold.
export const MOST_ARGUMENTS = 4
export const MOVED = 254
export const NOT_TIMED = 255
/** The tables of strings and of stacks: registers of each as below. */
export const STRING_PLACES = ORDER_REGISTERS + 512
export const STACK_PLACES = ORDER_REGISTERS + 544
/** Rows of the columns above which the block in hand has no room for another event. */
export const FULL_ROWS = ORDER_REGISTERS + 576
/** Where `WireFormat.movedArguments` lies: rows of so many bytes, in which `NOWHERE` is the place of an argument that is passed over. */
export const MOVED_PLACES = ORDER_REGISTERS + 580
export const MOVED_ROW_BYTES = 8
export const NOWHERE = 255
/** The time since the event before and the four arguments of an event that was read so, 64 bits each. */
export const MOVED_ARGUMENTS = ORDER_REGISTERS + 584
export const REGISTERS_END = ORDER_REGISTERS + 624

// ---- A table of places: the columns (`PlaceColumns`), their length, how many ids have an entry, and the highest of them. ----

export const PLACES_FROM = 0
export const PLACES_EXTENT = 4
export const PLACES_ROOM = 8
export const PLACES_COUNT = 12
export const PLACES_HIGHEST = 16

// ---- Bits of `G_OPEN`: the goroutine assists the collector, or has stopped the world. ----

export const OPEN_ASSIST = 1
export const OPEN_STW = 2

// ---- A head: where a thread's events go on, and the one to be taken next. Its time is its key in the heap. ----

export const HEAD_AT = 0
export const HEAD_END = 4
export const HEAD_THREAD = 8
export const HEAD_KIND = 12
/** Four whole numbers of 64 bits. */
export const HEAD_ARGUMENTS = 16
export const HEAD_SHIFT = 6
export const HEAD_BYTES = 1 << HEAD_SHIFT

/**
 * Bytes after the last of a batch that may be read: an event takes up to five numbers of ten bytes, and whether it ended within its batch is
 * looked at once, when all of it was read.
 */
export const BATCH_SLACK = 64

/** A block with fewer rows free than this is handed on: the most that one event takes, coroutine switches. */
export const ROOM_FOR_ONE = 3

// ---- Answers of `run`. ----

/** The earliest head has its turn later, or the block is full, or one event was taken where one was wanted. */
export const DONE = 0
/** The event in hand of a cursor is for the model. */
export const MODEL = 1
/** A cursor has come to the end of its batch. */
export const BATCH = 2
/** The next event of a cursor is none. */
export const DAMAGED = 3
