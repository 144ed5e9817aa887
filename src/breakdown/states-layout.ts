// states-layout.ts: what the kernel (`kernel/states.ts`) is told by TypeScript, and where it lies. Plain numbers: both compilers read this file.

import { STATES_REGISTERS } from '../capture/block-layout.ts'

// ---- Registers: byte positions of whole numbers of four bytes; of columns, their positions. ----

// `GoroutineStates`, by goroutine row, and how many rows there is room for.
export const STATE = STATES_REGISTERS
export const SINCE = STATES_REGISTERS + 4
export const TOLD = STATES_REGISTERS + 8
export const REASON = STATES_REGISTERS + 12
export const STAY = STATES_REGISTERS + 16
export const ID = STATES_REGISTERS + 20
export const LAST_RANGE = STATES_REGISTERS + 24
export const SYSTEM = STATES_REGISTERS + 28
export const SYSCALL_PROCESSOR = STATES_REGISTERS + 32
export const SUMS = STATES_REGISTERS + 36
export const STRIDE = STATES_REGISTERS + 40
export const ROW_ROOM = STATES_REGISTERS + 44
/** Goroutine in a system call by processor row, and how many of these there is room for. */
export const SYSCALL_GOROUTINE = STATES_REGISTERS + 48
export const PROCESSOR_ROOM = STATES_REGISTERS + 52
/** By reason row: slot of its sum, 0 when it has none yet. */
export const REASON_SLOT = STATES_REGISTERS + 56
/** By reason row: whether more becomes of a wait than a stay. */
export const REASON_SPECIAL = STATES_REGISTERS + 60
/** Most distinct block reasons and range names kept apart; a hostile capture's further ones share the last. */
export const MAX_NAMES = 200

// `StayLog`: its columns, and where its ring begins and ends.
export const STAY_START = STATES_REGISTERS + 64
export const STAY_END = STATES_REGISTERS + 68
export const STAY_STATE = STATES_REGISTERS + 72
export const STAY_REASON = STATES_REGISTERS + 76
export const STAY_VIA = STATES_REGISTERS + 80
export const STAY_PREVIOUS = STATES_REGISTERS + 84
export const STAY_NEXT = STATES_REGISTERS + 88
export const STAY_WAKER = STATES_REGISTERS + 92
export const STAY_WAKER_TASK = STATES_REGISTERS + 96
export const STAY_TASK = STATES_REGISTERS + 100
export const STAY_RANGE = STATES_REGISTERS + 104
export const STAY_STACK = STATES_REGISTERS + 108
export const STAY_GOROUTINE = STATES_REGISTERS + 112
export const STAY_MASK = STATES_REGISTERS + 116
export const STAY_TAIL = STATES_REGISTERS + 120
export const STAY_TOP = STATES_REGISTERS + 124

// `WorkingRows`: whom a goroutine works for, by goroutine row.
export const TASK = STATES_REGISTERS + 128
export const ONLY_CREATED = STATES_REGISTERS + 132
export const LEAVING = STATES_REGISTERS + 136
/** By serial of a task: whether it ended. Those beyond have not. */
export const ENDED = STATES_REGISTERS + 140
export const ENDED_ROOM = STATES_REGISTERS + 144

// `GenerationNames`: rows of reasons by string and of stacks by stack, for low numbers; -1 and -2 what is not known yet.
export const REASON_OF_STRING = STATES_REGISTERS + 148
export const LOW_STRINGS = 256
export const ROW_OF_STACK = STATES_REGISTERS + 152
export const LOW_STACKS = 4096
export const UNKNOWN_STACK = -2
/** Truth value: whether stacks are kept. */
export const STACKS = STATES_REGISTERS + 156

// `Causes`, by reason row: the cause of a wait that nobody ended and whether a wait ends with a hand-over, -1 what is not known yet.
export const OF_NOBODY = STATES_REGISTERS + 160
export const HANDS_OVER = STATES_REGISTERS + 164

export const STATES_REGISTERS_END = STATES_REGISTERS + 168
