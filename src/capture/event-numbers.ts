// event-numbers.ts: the numbers of `event-types.ts` that kernels know, as both compilers read them. A test holds the two together.

export const STACK = 3
export const STRING = 5
export const PROC_START = 10
export const PROC_STOP = 11
export const GO_CREATE = 14
export const GO_START = 16
export const GO_DESTROY = 17
export const GO_STOP = 19
export const GO_BLOCK = 20
export const GO_UNBLOCK = 21
export const GO_SYSCALL_BEGIN = 22
export const GO_SYSCALL_END = 23
export const GO_SYSCALL_END_BLOCKED = 24
export const GC_SWEEP_BEGIN = 32
export const GC_SWEEP_END = 33
export const GC_MARK_ASSIST_BEGIN = 35
export const GC_MARK_ASSIST_END = 36
export const HEAP_ALLOC = 37
export const GO_LABEL = 39
export const USER_TASK_BEGIN = 40
export const USER_TASK_END = 41
export const USER_REGION_BEGIN = 42
export const USER_REGION_END = 43
export const USER_LOG = 44
export const GO_CREATE_BLOCKED = 47

/** `NOT_TIMED`. */
export const NOT_TIMED = 255

// `GoStatus`.
export const RUNNABLE = 1
export const RUNNING = 2
export const SYSCALL = 3
export const WAITING = 4

// `ProcStatus`.
export const PROC_RUNNING = 1
export const PROC_IDLE = 2
export const PROC_SYSCALL = 3
