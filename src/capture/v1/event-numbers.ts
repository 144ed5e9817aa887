// event-numbers.ts: the numbers of `event-types.ts` that the kernel knows, as both compilers read them. A test holds the two together.

export const V1_PROC_START = 5
export const V1_PROC_STOP = 6
export const V1_GC_SWEEP_START = 11
export const V1_GC_SWEEP_DONE = 12
export const V1_GO_CREATE = 13
export const V1_GO_START = 14
export const V1_GO_END = 15
export const V1_GO_STOP = 16
export const V1_GO_SCHED = 17
export const V1_GO_PREEMPT = 18
export const V1_GO_SLEEP = 19
export const V1_GO_BLOCK = 20
export const V1_GO_UNBLOCK = 21
export const V1_GO_BLOCK_SEND = 22
export const V1_GO_BLOCK_RECV = 23
export const V1_GO_BLOCK_SELECT = 24
export const V1_GO_BLOCK_SYNC = 25
export const V1_GO_BLOCK_COND = 26
export const V1_GO_BLOCK_NET = 27
export const V1_GO_SYS_CALL = 28
export const V1_GO_SYS_BLOCK = 30
export const V1_HEAP_ALLOC = 33
export const V1_STRING = 37
export const V1_GO_START_LOCAL = 38
export const V1_GO_UNBLOCK_LOCAL = 39
export const V1_STACK = 3
export const V1_GO_BLOCK_GC = 42
export const V1_GC_MARK_ASSIST_START = 43
export const V1_GC_MARK_ASSIST_DONE = 44
export const V1_USER_TASK_CREATE = 45
export const V1_USER_TASK_END = 46
export const V1_USER_REGION = 47
export const V1_USER_LOG = 48
export const V1_CPU_SAMPLE = 49

// `Shape`.
export const SHAPE_SHORT = 1
export const SHAPE_LOG = 3
export const SHAPE_UNTIMED = 4

// `InCall`.
export const CALL_NONE = 0
export const CALL_BEGUN = 1
