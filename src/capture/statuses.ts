// statuses.ts: the states that Go's status events name, as both compilers read them.

/** Of a goroutine, in GoStatus events. */
export const RUNNABLE = 1
export const RUNNING = 2
export const SYSCALL = 3
export const WAITING = 4

/** Of a processor, in ProcStatus events; "abandoned": in a system call whose thread moved on. */
export const PROC_RUNNING = 1
export const PROC_IDLE = 2
export const PROC_SYSCALL = 3
export const PROC_SYSCALL_ABANDONED = 4
