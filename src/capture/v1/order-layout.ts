// order-layout.ts: what the kernel (`kernel/order.ts`) and `order.ts` tell each other, and where it lies. Plain numbers: both compilers read this file.

import { ORDER_REGISTERS } from '../block-layout.ts'

// ---- Registers: byte positions. Positions of columns and whole numbers take four bytes, times eight. ----

/** Headers of the tables of goroutine and thread ids, as `base/id-table.ts` lays them out. */
export const GOROUTINES = ORDER_REGISTERS
export const THREADS = ORDER_REGISTERS + 32
// Columns of the model (`scheduler-model.ts`), and how many goroutine rows there is room for.
export const G_STATUS = ORDER_REGISTERS + 64
export const G_SEQUENCE = ORDER_REGISTERS + 68
export const G_ID = ORDER_REGISTERS + 72
export const G_CALL = ORDER_REGISTERS + 76
export const G_ROOM = ORDER_REGISTERS + 80
/** Strings of the reasons that kinds of event stand for, by kind. */
export const REASONS = ORDER_REGISTERS + 84
// Columns of the heads of all processors (`cursors.ts`).
export const HEAD_AT = ORDER_REGISTERS + 88
export const HEAD_END = ORDER_REGISTERS + 92
export const HEAD_PROCESSOR = ORDER_REGISTERS + 96
export const HEAD_GOROUTINE = ORDER_REGISTERS + 100
export const HEAD_THREAD = ORDER_REGISTERS + 104
export const HEAD_KIND = ORDER_REGISTERS + 108
export const HEAD_TOLD = ORDER_REGISTERS + 112
export const HEAD_TICKS = ORDER_REGISTERS + 116
export const HEAD_MAX_TICKS = ORDER_REGISTERS + 120
export const HEAD_ARGUMENTS = ORDER_REGISTERS + 124
export const HEAD_MESSAGES = ORDER_REGISTERS + 128
// The heap of them.
export const HEAP_TIMES = ORDER_REGISTERS + 132
export const HEAP_CURSORS = ORDER_REGISTERS + 136
export const HEAP_LENGTH = ORDER_REGISTERS + 140
/** Rows of the block that are filled. */
export const ROWS = ORDER_REGISTERS + 144
// Truth values: times are told as Go's reader moves them apart; the list of goroutines is not over; another processor's turn is to wait.
export const GO_TIMES = ORDER_REGISTERS + 148
export const LISTING = ORDER_REGISTERS + 152
export const PAUSING = ORDER_REGISTERS + 156
/** Cursors that are parked: as long as there are any, each event is for the model. */
export const PARKED = ORDER_REGISTERS + 160
/** The cursor that an answer is about. */
export const CURSOR = ORDER_REGISTERS + 164
export const LAST_NS = ORDER_REGISTERS + 168
export const NS_PER_TICK = ORDER_REGISTERS + 176
export const ORIGIN_TICKS = ORDER_REGISTERS + 184
/** Up to when the events of the cursor in hand come before all others. */
export const LIMIT_TICKS = ORDER_REGISTERS + 192
/** An event after this time is not told before what `order.ts` has to tell. */
export const ASIDE_TICKS = ORDER_REGISTERS + 200
// No other processor has its turn from the first of these times on, or after the second.
export const LOSS_TICKS = ORDER_REGISTERS + 208
export const MARK_TICKS = ORDER_REGISTERS + 216
/** Time of an event that is none, as it says. */
export const DAMAGED_TICKS = ORDER_REGISTERS + 224
/** How an event goes on by its first byte, one byte each: `shapesOf`. */
export const SHAPES = ORDER_REGISTERS + 256
// In it (`Shape`).
export const SHAPE_SHORT = 1
export const SHAPE_LONG = 2
export const SHAPE_LOG = 3
export const SHAPE_UNTIMED = 4
/** Numbers of an event by its kind, one byte each: `timedNumbers`. */
export const NUMBERS = ORDER_REGISTERS + 512
export const REGISTERS_END = ORDER_REGISTERS + 576

// ---- What a goroutine's column `G_CALL` holds (`InCall`). ----

export const CALL_NONE = 0
export const CALL_BEGUN = 1
export const CALL_BLOCKED = 2
export const CALL_RETURNED = 3

/**
 * Bytes after the last of a batch that may be read: an event takes up to five numbers of ten bytes, a log the length of its text behind up to
 * 255 bytes, and whether it ended within its batch is looked at once, when all of it was read.
 */
export const BATCH_SLACK = 320

/** A block with fewer rows free than this is handed on: a call and its return. */
export const ROOM_FOR_ONE = 2

// ---- Answers of `run`. ----

/** The cursor's next event has its turn later, and that of another cursor is not the kernel's to take. */
export const DONE = 0
/** The event in hand of a cursor is for the model. */
export const MODEL = 1
/** A cursor has come to the end of its batch. */
export const BATCH = 2
/** The next event of a cursor is none. */
export const DAMAGED = 3
/** Something else is to be told before the event in hand of a cursor. */
export const ASIDE = 4
/** The block is full before the event in hand of a cursor. */
export const FULL = 5
