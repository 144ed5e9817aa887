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
/** By reason row: what more becomes of a wait than a stay. */
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

// The rows of the reasons that are causes, -1 while they are not made; by reason row, truth values of what it is.
export const NETWORK = STATES_REGISTERS + 168
export const SLEEP = STATES_REGISTERS + 172
export const SYSCALL_CAUSE = STATES_REGISTERS + 176
export const IN_BETWEEN = STATES_REGISTERS + 180
export const FOR_COLLECTOR = STATES_REGISTERS + 184
export const FOR_CHANNEL = STATES_REGISTERS + 1100

// `TaskTable`: its table of ids (a header as in `base/id-table-layout.ts`), the slot of each of its rows, and columns by slot.
export const TASK_IDS = STATES_REGISTERS + 192
export const SLOT_OF_ID = STATES_REGISTERS + 224
export const TASK_SERIAL = STATES_REGISTERS + 228
export const OPEN_REGIONS = STATES_REGISTERS + 232
export const FIRST_REGION = STATES_REGISTERS + 236
export const LAST_REGION = STATES_REGISTERS + 240
export const WAITS_FOR_REGIONS = STATES_REGISTERS + 244

// `RegionTable`: its columns, how many rows there is room for, how many were ever given out, and those to be given out again.
export const REGION_NAME = STATES_REGISTERS + 248
export const REGION_START = STATES_REGISTERS + 252
export const REGION_END = STATES_REGISTERS + 256
export const REGION_GOROUTINE = STATES_REGISTERS + 260
export const REGION_TASK = STATES_REGISTERS + 264
export const REGION_STACK = STATES_REGISTERS + 268
export const REGION_OUTER = STATES_REGISTERS + 272
export const REGION_NEXT = STATES_REGISTERS + 276
export const REGION_TOTAL = STATES_REGISTERS + 280
export const REGION_GC_OVERLAP = STATES_REGISTERS + 284
export const REGION_SUMS = STATES_REGISTERS + 288
export const REGION_STRIDE = STATES_REGISTERS + 292
export const REGION_ROOM = STATES_REGISTERS + 296
export const REGION_ROWS = STATES_REGISTERS + 300
export const REGION_FREE = STATES_REGISTERS + 304
export const REGION_FREE_COUNT = STATES_REGISTERS + 308
/** Regions open on one goroutine; more is a program's mistake or hostile. */
export const MAX_OPEN_REGIONS = 1_000

// More of goroutines, by their rows: open regions, whether a log waits for its task, the serials of the tasks that were taken up and that they
// count for already, and begins of open ranges, below 0 none.
export const INNERMOST_REGION = STATES_REGISTERS + 312
export const REGIONS_OPEN = STATES_REGISTERS + 316
export const LOG_PENDING = STATES_REGISTERS + 320
/** In `LOG_PENDING`: TypeScript has it as a record; or it is in `PENDING_TIME`, with the strings of its category and of its message beside. */
export const PENDING_RECORD = 1
export const PENDING_NUMBERS = 2
export const TAKEN = STATES_REGISTERS + 324
export const MEMBER_OF = STATES_REGISTERS + 328
export const ASSIST_SINCE = STATES_REGISTERS + 332
export const SWEEP_SINCE = STATES_REGISTERS + 336
export const STW_SINCE = STATES_REGISTERS + 340
/** Sums that were given out, of each goroutine. */
export const SLOTS = STATES_REGISTERS + 344
/** By string, for low numbers: row of a name that recurs; -1 what is not known yet. */
export const NAME_OF_STRING = STATES_REGISTERS + 348
export const LOW_NAMES = 512
/** A double: regions that began before this time may have been held up by a stop of the world. */
export const STOPPED_UNTIL = STATES_REGISTERS + 352

// More of goroutines, by their rows: when they were created, and how they came to be known.
export const CREATED = STATES_REGISTERS + 360
export const BORN = STATES_REGISTERS + 364
/** 1: a coroutine, which works for whoever calls it. */
export const COROUTINE = STATES_REGISTERS + 372
/** By stack, for low numbers: the `SystemKind` of a goroutine with this entry, and `SERVES_ALL` where it works for whoever comes; 0 what is not known yet. */
export const KIND_OF_ENTRY = STATES_REGISTERS + 368
export const SERVES_ALL = 4

// Goroutines of tasks: by slot of the task its first and last and how many there are, `MemberTable`.
export const FIRST_MEMBER = STATES_REGISTERS + 376
export const LAST_MEMBER = STATES_REGISTERS + 380
export const MEMBER_COUNT = STATES_REGISTERS + 384
export const MEMBER_GOROUTINE = STATES_REGISTERS + 388
export const MEMBER_STAY = STATES_REGISTERS + 392
export const MEMBER_NEXT = STATES_REGISTERS + 396
export const MEMBER_ROOM = STATES_REGISTERS + 400
export const MEMBER_ROWS = STATES_REGISTERS + 404
export const MEMBER_FREE = STATES_REGISTERS + 408
export const MEMBER_FREE_COUNT = STATES_REGISTERS + 412
/** Goroutines of a task beyond which a set is kept of them. */
export const MEMBERS_LOOKED_THROUGH = 8
/** Goroutines of all tasks together, those that count for a task above as well: so many, and some more for each stay. */
export const LEAST_MEMBERS = 100_000

/** Header of the table of serials of tasks, whose rows are slots. */
export const TASK_SERIALS = STATES_REGISTERS + 416

/** By goroutine row: how often membership had changed when `MEMBER_OF` was noted; and how often it has by now. */
export const MEMBER_SINCE = STATES_REGISTERS + 448
export const MEMBERSHIP_CHANGES = STATES_REGISTERS + 452

// `LockPlaces`: by stack row, and how many of these there is room for, its kind of lock and its place; by place its function and one that it is one with.
export const LOCK_OF_STACK = STATES_REGISTERS + 456
export const PLACE_OF_STACK = STATES_REGISTERS + 460
export const LOCK_STACK_ROOM = STATES_REGISTERS + 464
export const FUNCTION_OF_PLACE = STATES_REGISTERS + 468
export const SAME_PLACE_AS = STATES_REGISTERS + 472
/** By stack row: what else it tells, bits; where it waits for a channel, -1 nowhere. */
export const STACK_TELLS = STATES_REGISTERS + 1088
export const CHANNEL_PLACE_OF_STACK = STATES_REGISTERS + 1092
export const TELLS_SERVING = 1
export const TELLS_ANY_ORDER = 2
export const TELLS_WHOLE = 4
/** The stack row that the kernel has to be told of before it can go on; -1 none. */
export const ASKED_STACK = STATES_REGISTERS + 1096
/** Waits of which nothing else is known (a header as in `base/id-table-layout.ts`), and by row of theirs the stack at which they were ended. */
export const RELEASES = STATES_REGISTERS + 1104
export const RELEASE_STACK = STATES_REGISTERS + 1136
/** Waits since before the capture whose ends are remembered: one for each goroutine at most. */
export const MOST_RELEASES = 1 << 14

// `PathTables`: stretches in which something was held, and who held it, while a wait is explained.
export const HOLDS = STATES_REGISTERS + 1140
export const HOLDERS = STATES_REGISTERS + 1144
/** Stretches of one wait that there is room for: one that has more is for TypeScript. Doubles of each: stay, task, from, to, row of the holder. */
export const HOLDS_ROOM = 8_192
export const HOLD_FIELDS = 5
/** Doubles of a holder: goroutine, task, nanoseconds. */
export const HOLDER_FIELDS = 3
/** Where among the holders each lies, by goroutine and task: a row plus 1, 0 none; of as many places as are used for a wait half stay free at least. */
export const HOLDER_PLACES = STATES_REGISTERS + 1148
export const HOLDER_PLACES_ROOM = 2 * HOLDS_ROOM
/** Holders told of one wait. */
export const MOST_HOLDERS_TOLD = 16
/** Stays looked back over of the one to blame for a wait. */
export const MOST_WAKER_STAYS = 1_024
/** Latest stays looked through of one that took a task out of a queue for whom it served before: in a long one those right before it say enough. */
export const MOST_SERVED_STAYS = 4_096
/** Stays looked through for holders of locks, and for whom they worked, for all waits of a task. */
export const MOST_LOCK_STAYS = 8_192
/** Stays looked back over of one that may only have passed something on, and the share of the wait that it may have had it for. */
export const MOST_STAYS_PASSING = 8
export const MOST_SHARE_PASSING = 0.1
/** Stays looked back over for what one to blame was given last. */
export const MOST_STAYS_GIVEN = 64
/** Stays looked through, before and after, for a stack of one to blame. */
export const MOST_STAYS_NAMING = 64
/** Holders of one lock looked back over. */
export const MOST_HOLDERS = 1_024
/** Stays of one holder looked back over for its own wait for the lock. */
export const MOST_HOLDER_STAYS = 4_096
/** Waits in a row of a goroutine that was woken, found the lock taken and queued again. */
export const MOST_QUEUED_AGAIN = 8
/** Stays between two such waits: it became runnable, ran, and may have been preempted once or twice. */
export const MOST_STAYS_BETWEEN = 8
/** The event of a wait comes a little after the place in the queue was taken. */
export const QUEUE_SLACK_NS = 10_000

// `Runners`: a table of those that ran during a wait for a processor, and the places of it that are filled; those of them that are told; stays that may
// still be looked through; the ids of the runtime's own goroutines (a header as in `base/id-table-layout.ts`).
export const RUNNER_TABLE = STATES_REGISTERS + 476
export const RUNNERS_TOLD = STATES_REGISTERS + 480
export const RUNNER_FILLED = STATES_REGISTERS + 484
export const RUNNER_STAYS = STATES_REGISTERS + 492
export const RUNTIME_IDS = STATES_REGISTERS + 1000
/** A bit for each id modulo a number of them: whether it may be one of the runtime's. */
export const MAYBE_RUNTIME = STATES_REGISTERS + 488
export const MAYBE_RUNTIME_IDS = 1 << 16
/** Runners told of one wait, most time first, and doubles of each: id of the task, 0 none; whether it is the runtime; nanoseconds. */
export const MOST_RUNNERS = 4
export const RUNNER_FIELDS = 3
export const RUNNER_OF_TASK = 0
export const RUNNER_IS_RUNTIME = 1
export const RUNNER_TIME = 2
/** Stays after their begin looked through for those that ran, for all waits of a task, those carried over aside: what lies beyond is not counted. */
export const MOST_RUNNER_STAYS = 4_096
/** Those that ran when a wait began, as they are found in the log: the latest are counted, more than ever run at once. */
export const RUNS_FOUND = STATES_REGISTERS + 1160
export const MOST_RUNS_FOUND = 512
/**
 * When the latest of those that run in blocks of so many stays ends, doubles: of each block of the log's ring, and, two for one, of groups of as many
 * blocks. And the first block of which that is not known yet.
 */
export const LATEST_ENDS = STATES_REGISTERS + 1164
export const LATEST_ENDS_KNOWN = STATES_REGISTERS + 1168
export const STAY_BLOCK_BITS = 6
/**
 * `LeftRuns`, and how many there are. Doubles of one: where the stay lies in the log while it lasts, or -1; and of those that are over begin, end, serial
 * of the task, id of the goroutine.
 */
export const LEFT_RUNS = STATES_REGISTERS + 1172
export const LEFT_RUN_COUNT = STATES_REGISTERS + 1176
export const LEFT_RUN_FIELDS = 5
export const LEFT_RUN_STAY = 0
export const LEFT_RUN_START = 1
export const LEFT_RUN_END = 2
export const LEFT_RUN_TASK = 3
export const LEFT_RUN_GOROUTINE = 4
export const MOST_LEFT_RUNS = MOST_RUNS_FOUND
/** Places of the table: there is always one free. Bytes of one: serial of the task; the wait that it is of; nanoseconds, a double. */
export const RUNNER_PLACES = 16_384
export const RUNNER_PLACE_BITS = 4
export const RUNNER_TASK = 0
export const RUNNER_WAIT = 4
export const RUNNER_NS = 8

// `RangeLog`: its columns, and where its ring begins and ends. By range name the slot of its sum, 0 when it has none yet.
export const RANGE_START = STATES_REGISTERS + 496
export const RANGE_END = STATES_REGISTERS + 500
export const RANGE_NAME = STATES_REGISTERS + 504
export const RANGE_PREVIOUS = STATES_REGISTERS + 508
export const RANGE_MASK = STATES_REGISTERS + 512
export const RANGE_TAIL = STATES_REGISTERS + 516
export const RANGE_TOP = STATES_REGISTERS + 520
export const RANGE_SLOT = STATES_REGISTERS + 524
// Open ranges by goroutine row, and by processor row the goroutine that began the sweep open on it; -1 none.
export const ASSIST_RANGE = STATES_REGISTERS + 528
export const SWEEP_RANGE = STATES_REGISTERS + 532
export const SWEEP_GOROUTINE = STATES_REGISTERS + 536
/** By stack, for low numbers: row of the cause of a wait there that is the runtime's own, 0 where it is the program's; -1 what is not known yet. */
export const CAUSE_OF_STACK = STATES_REGISTERS + 540

// `StopLog`: its columns, and how many stops are kept.
export const STOP_START = STATES_REGISTERS + 544
export const STOP_END = STATES_REGISTERS + 548
export const STOP_NAME = STATES_REGISTERS + 552
export const STOP_GOROUTINE = STATES_REGISTERS + 556
export const STOP_COUNT = STATES_REGISTERS + 560

// `PathTables`: where pieces of a path and long waits among them are gathered; where a task is written as it is kept (`compact-task.ts`), its ranges behind
// its timeline, with the number of its ranges, and the stretch that its regions and itself lie in; how many long waits there are; sums of times by
// `GoState`, by reason and by cause.
export const PIECE_FROM = STATES_REGISTERS + 564
export const PIECE_TO = STATES_REGISTERS + 568
export const PIECE_STAY = STATES_REGISTERS + 572
export const TASK_BLOCK = STATES_REGISTERS + 576
export const PATH_RANGES = STATES_REGISTERS + 580
export const PATH_RANGE_COUNT = STATES_REGISTERS + 584
export const LONG_PIECES = STATES_REGISTERS + 588
export const LONG_PIECE_COUNT = STATES_REGISTERS + 592
export const STATE_SUMS = STATES_REGISTERS + 596
export const REASON_SUMS = STATES_REGISTERS + 600
export const CAUSE_SUMS = STATES_REGISTERS + 604
/** By name of range: time in those of a goroutine itself, and in stops by others while it waited for a processor; below 0 what there was none of. */
export const RANGE_SUMS = STATES_REGISTERS + 608
export const STOP_SUMS = STATES_REGISTERS + 612
/** Names that have sums: reasons, and ranges. */
export const REASON_COUNT = STATES_REGISTERS + 624
export const RANGE_NAME_COUNT = STATES_REGISTERS + 628
/** Stays from this on are all there are; of those before it some left the log. */
export const STAY_WHOLE_FROM = STATES_REGISTERS + 1032
/** Doubles. */
export const LEAST_NS = STATES_REGISTERS + 984
export const MOST_NS = STATES_REGISTERS + 992
/** Ranges as they are found, and the earliest that was looked at of each goroutine. */
export const FOUND_RANGES = STATES_REGISTERS + 616
export const WALKED_RANGES = STATES_REGISTERS + 620
/** Pieces and ranges of one path, and goroutines with ranges, that there is room for: longer ones are for TypeScript. */
export const PIECE_ROOM = 4_096
export const RANGES_ROOM = 256
export const WALKED_ROOM = 32
/** Doubles of a range as it is found: begin, end, goroutine, name. And of a goroutine whose ranges were looked at: its id, the earliest of them. */
export const FOUND_FIELDS = 4
export const WALKED_FIELDS = 2
/**
 * Waits of one task that are explained, the longest first. Doubles of such a piece of its path: from, to, stay, row of the timeline, row of the cause, truth
 * value whether the task lay in a queue (the stay is that of the goroutine that took it up then).
 */
export const MOST_WAITS = 16
export const LONG_PIECE_FIELDS = 6
/** Bytes of a row of a timeline, of the end of its last row, and of a row of ranges, as tasks keep them (`kept-columns.ts`). */
export const TIMELINE_ROW_BYTES = 41
export const LAST_END_BYTES = 8
export const RANGE_ROW_BYTES = 26
/**
 * Doubles that a kept task begins with: its id and that of its parent (NaN none), begin, end, goroutine that began it; rows of its timeline (-1: it has none)
 * and of its ranges; the double at which its parts begin and that at which its texts do, bytes of all; how many goroutines and regions there are, whether its
 * work is told apart from its path, how many waits for a processor are explained, and how many others; bytes of its name (-1: it is told elsewhere), and how
 * many logs there are.
 */
export const KEPT_HEAD = 17
export const HEAD_ID = 0
export const HEAD_PARENT = 1
export const HEAD_START = 2
export const HEAD_END = 3
export const HEAD_GOROUTINE = 4
export const HEAD_ROWS = 5
export const HEAD_RANGE_ROWS = 6
export const HEAD_PARTS = 7
export const HEAD_TEXTS = 8
export const HEAD_BYTES = 9
export const HEAD_MEMBERS = 10
export const HEAD_REGIONS = 11
export const HEAD_WORKS = 12
export const HEAD_WAITS = 13
export const HEAD_BLAMED = 14
export const HEAD_NAME = 15
export const HEAD_LOGS = 16
/** Doubles of a log before its texts: when, goroutine, bytes of its category and of its message. */
export const KEPT_LOG = 4
export const KEPT_LOG_TIME = 0
export const KEPT_LOG_GOROUTINE = 1
export const KEPT_LOG_CATEGORY = 2
export const KEPT_LOG_MESSAGE = 3
/** Doubles of a region before its breakdown: row of its name, goroutine, begin, end, stack. */
export const KEPT_REGION = 5
export const KEPT_REGION_NAME = 0
export const KEPT_REGION_GOROUTINE = 1
export const KEPT_REGION_START = 2
export const KEPT_REGION_END = 3
export const KEPT_REGION_STACK = 4
/** Doubles of a breakdown: how many parts have a name; total, exec, scheduler wait, system calls and those whose processor was away, unknown, mark phases. */
export const KEPT_BREAKDOWN = 8
export const KEPT_PARTS = 0
export const KEPT_TOTAL = 1
export const KEPT_EXEC = 2
export const KEPT_SCHED_WAIT = 3
export const KEPT_SYSCALL = 4
export const KEPT_SYSCALL_BLOCK = 5
export const KEPT_UNKNOWN = 6
export const KEPT_GC_OVERLAP = 7
/** And of each part that has a name: which of the following it is, times 256, plus the row of the name; nanoseconds. */
export const PART_KIND_SHIFT = 8
export const KEPT_PART = 2
export const PART_BLOCK = 0
export const PART_VIA = 1
export const PART_RANGE = 2
export const PART_STOP = 3
/** Doubles of a wait for a processor before those that ran meanwhile: row of the timeline, how many ran. */
export const KEPT_WAIT = 2
export const KEPT_WAIT_ROW = 0
export const KEPT_WAIT_RUNNERS = 1
/**
 * And of another wait, before those that held what was waited for and then, where it is known, what the one to blame did: row of the timeline, task that is
 * told to have ended it, rows of the stacks where the one to blame waited and of what it runs, how many held it, whether it is known what it did.
 */
export const KEPT_BLAME = 6
export const KEPT_BLAME_ROW = 0
export const KEPT_BLAME_TASK = 1
export const KEPT_BLAME_STACK = 2
export const KEPT_BLAME_ENTRY = 3
export const KEPT_BLAME_HOLDERS = 4
export const KEPT_BLAME_DID = 5
/** What `keepTask` returns where it has to be told of a stack first (`ASKED_STACK`). */
export const ASKS = -2
/** Room for what is kept of a task; one that needs more is for TypeScript. And bytes of tasks, one after the other, after which no more are added to them. */
export const TASK_BLOCK_BYTES = 1 << 19
export const TASK_BATCH_BYTES = 1 << 16
/** States that sums are kept of. */
export const STATE_ROOM = 6

// More of tasks, by slot; see `TaskColumns`. How many slots there is room for, and the ring of those that wait to be handed over.
export const TASK_ID = STATES_REGISTERS + 640
export const TASK_PARENT = STATES_REGISTERS + 644
export const TASK_START = STATES_REGISTERS + 648
export const TASK_END = STATES_REGISTERS + 652
export const TASK_START_GOROUTINE = STATES_REGISTERS + 656
export const TASK_END_GOROUTINE = STATES_REGISTERS + 660
export const TASK_START_STAY = STATES_REGISTERS + 664
export const TASK_END_STAY = STATES_REGISTERS + 668
export const TASK_KIND = STATES_REGISTERS + 672
export const TASK_NAME = STATES_REGISTERS + 676
export const SLOT_ROOM = STATES_REGISTERS + 680
export const SETTLING = STATES_REGISTERS + 684
export const SETTLING_FIRST = STATES_REGISTERS + 688
export const SETTLING_COUNT = STATES_REGISTERS + 692

// `Lineage`: the latest serial, and columns by serial modulo their length.
export const LAST_SERIAL = STATES_REGISTERS + 696
export const LINEAGE_ID = STATES_REGISTERS + 700
export const LINEAGE_PARENT = STATES_REGISTERS + 704
export const LINEAGE_OUTER = STATES_REGISTERS + 708
/** When it ended; Infinity before. */
export const LINEAGE_END = STATES_REGISTERS + 1156
export const LINEAGE_ROOM = STATES_REGISTERS + 712
/** Serials whose id and parent are remembered at most: at ten thousand tasks a second the last two minutes. */
export const MOST_SERIALS = 1 << 20
/** Generations of tasks that are followed up; a longer line of parents is a program's mistake or hostile. */
export const MOST_GENERATIONS = 256

/** Ids handed on lately, each at its own number modulo the length. */
export const HANDED_ON = STATES_REGISTERS + 716
export const HANDED_ON_ROOM = 1 << 16
/** Truth value: whether tasks are only added up. */
export const ADDED_UP = STATES_REGISTERS + 720
/** Strings from 1 to this are in the table of the generation in hand, all of them. */
export const DENSE_STRINGS = STATES_REGISTERS + 724

// `TaskSums`, all but `LOST_COUNT` and `HANDED_OVER` where tasks are only added up. Steps over the past so far, and how many are allowed;
// of the slowest tasks the shortest, -1 while there are few; nanoseconds by group of what is in hand: doubles.
export const STEPS = STATES_REGISTERS + 728
export const MOST_STEPS = STATES_REGISTERS + 736
export const SLOWEST_NS = STATES_REGISTERS + 744
export const PARTS = STATES_REGISTERS + 752
/** Groups by reason row and by slot of sums. */
export const GROUP_OF_REASON = STATES_REGISTERS + 832
export const GROUP_OF_SLOT = STATES_REGISTERS + 836
/** Stretches that were lost; tasks handed over, task 0 aside. */
export const LOST_COUNT = STATES_REGISTERS + 840
export const HANDED_OVER = STATES_REGISTERS + 844
/** Tasks of which start and end are known, and regions, that were added up. */
export const SUMMED_WHOLE = STATES_REGISTERS + 848
export const SUMMED_REGIONS = STATES_REGISTERS + 852
/** By rows of names that recur: rows of kinds; -1 none yet. And the rows of kinds, one after the other (`KindSums`). */
export const KIND_OF_REGION_NAME = STATES_REGISTERS + 856
export const KIND_OF_TYPE = STATES_REGISTERS + 860
export const REGION_KINDS = STATES_REGISTERS + 864
export const TYPE_KINDS = STATES_REGISTERS + 868
/** A double: the highest id of a task that was handed on. An id up to it may have been another task's before, a higher one was not. */
export const HIGHEST_HANDED_ON = STATES_REGISTERS + 872

/** Truth value: whether stays are told of one by one, so that the log has a goroutine, a range and a stack for each. */
export const STAYS_TOLD = STATES_REGISTERS + 880

// `NameKinds`: by byte what it tells of the run of letters and digits that it is in, 0 for others.
export const LETTER_LOOKS = STATES_REGISTERS + 884
export const LOOKS_DIGIT = 1
export const LOOKS_HEX_LETTER = 2
export const LOOKS_OTHER_LETTER = 4
/** A run of lower-case hex digits, both 0 to 9 and letters among them: those bits of all its bytes together. */
export const LOOKS_LIKE_ID = 3
/** Shapes of names: their rows, how many there are, and the position of each (0 none) by its hash or after it; half of the places stay free at least. */
export const SHAPE_TABLE = STATES_REGISTERS + 888
export const SHAPES = STATES_REGISTERS + 892
/** Begins and ends of the runs of the name in hand: 16 numbers. */
export const NAME_RUNS = STATES_REGISTERS + 896
export const SHAPE_COUNT = STATES_REGISTERS + 960
/** Where the strings of the generation in hand lie: their bytes, the columns of a table of places, and the length of these; 0 where they lie elsewhere. */
export const NAME_BYTES = STATES_REGISTERS + 964
export const NAME_FROM = STATES_REGISTERS + 968
export const NAME_EXTENT = STATES_REGISTERS + 972
export const NAME_ROOM = STATES_REGISTERS + 976
/** Runs looked at in one name; what comes after belongs to the shape as it stands. */
export const MOST_RUNS = 8
export const MOST_SHAPES = 10_000
export const SHAPE_PLACES_BITS = 15
export const SHAPE_PLACES = 1 << SHAPE_PLACES_BITS
/** A row: its hash, its kind, a name of this shape, and where its runs begin and end. */
export const SHAPE_HASH = 0
export const SHAPE_KIND = 4
export const SHAPE_NAME = 8
export const SHAPE_LENGTH = 12
export const SHAPE_RUN_COUNT = 16
export const SHAPE_RUNS = 20
export const SHAPE_BYTES = SHAPE_RUNS + MOST_RUNS * 8

/** Tasks of which it is remembered, while the log is thinned out, whether they are open. */
export const ANSWERS = 4_096
/** Stays that are looked back over when a worker comes back to a task: no more of the past of a goroutine that lives is ever asked for without one. */
export const MOST_STAYS_RETURNED = 256
/** And where it takes one up. */
export const MOST_STAYS_TAKEN_UP = 16

/** Rows at which goroutines were found lately, each at the hash of its id modulo the length. */
export const ROWS_FOUND = STATES_REGISTERS + 1152
export const ROWS_FOUND_ROOM = 4_096
/** Rows looked through for goroutines by their ids: so many, and some more for each stay; beyond that none is found that was not found before. */
export const LEAST_ROWS_LOOKED_THROUGH = 10_000_000
export const ROWS_LOOKED_THROUGH_PER_STAY = 64

// `TaskLogs`: logs of the generation in hand, whose texts are strings of it, and the first and last of each task, by its slot. By goroutine row what
// was logged last where `LOG_PENDING` says that it is there.
export const LOG_TIME = STATES_REGISTERS + 1180
export const LOG_GOROUTINE = STATES_REGISTERS + 1184
export const LOG_CATEGORY = STATES_REGISTERS + 1188
export const LOG_MESSAGE = STATES_REGISTERS + 1192
export const LOG_NEXT = STATES_REGISTERS + 1196
export const LOG_ROOM = STATES_REGISTERS + 1200
export const LOG_ROWS = STATES_REGISTERS + 1204
export const LOG_FREE = STATES_REGISTERS + 1208
export const LOG_FREE_COUNT = STATES_REGISTERS + 1212
export const FIRST_LOG = STATES_REGISTERS + 1216
export const LAST_LOG = STATES_REGISTERS + 1220
export const PENDING_TIME = STATES_REGISTERS + 1224
export const PENDING_CATEGORY = STATES_REGISTERS + 1228
export const PENDING_MESSAGE = STATES_REGISTERS + 1232

// `Visits`, once they are asked for: whole numbers by visit and by mention (`kernel/visits.ts`), the latest mention by serial modulo the number of these, and
// by goroutine id modulo the number of those its latest visit.
export const VISITS = STATES_REGISTERS + 1240
export const MENTIONS = STATES_REGISTERS + 1244
export const MENTION_HEADS = STATES_REGISTERS + 1248
export const VISITORS = STATES_REGISTERS + 1252
/** Visits that there is room for, a power of two, of which the latest are known; and 1 where some had to go whose tasks are still to be told. */
export const VISIT_ROOM = STATES_REGISTERS + 1296
export const VISITS_LACK = STATES_REGISTERS + 1300
export const LEAST_VISIT_ROOM = 1 << 15
export const MOST_VISIT_ROOM = 1 << 18
/** Mentions for each visit that there is room for; the others have as much as this. */
export const MENTIONS_PER_VISIT = 4
export const MENTION_HEAD_ROOM = 1 << 16
export const VISITOR_ROOM = 256
/** Bytes of a row: of a visitor a double (the goroutine's id) and a whole number, of the others whole numbers. */
export const VISIT_BYTES = 40
export const MENTION_BYTES = 12
export const VISITOR_BYTES = 16
/** Stays of a goroutine that are looked at one by one for where it was at a time; of one with more visits are noted. */
export const MOST_STAYS_UNNOTED = 64
/** Goroutines of a task that are asked when they worked for it last. */
export const MOST_MEMBERS_ASKED = 32
/** Row of the reason of the time in a queue; -1 while there is none. */
export const QUEUE_REASON = STATES_REGISTERS + 1256

/** `LeftRuns`: stretches of the log in which stays were carried over, whole numbers: the first stay and the one after the last; and how many there are. */
export const CARRIED = STATES_REGISTERS + 1260
export const CARRIED_COUNT = STATES_REGISTERS + 1264
export const MOST_CARRIED = 256

/** Mark phases of the collector, doubles: begins, ends, and how long those before lasted; how many began, and how many ended. */
export const PHASE_START = STATES_REGISTERS + 1268
export const PHASE_END = STATES_REGISTERS + 1272
export const PHASE_BEFORE = STATES_REGISTERS + 1276
export const PHASE_COUNT = STATES_REGISTERS + 1280
export const PHASE_ENDS = STATES_REGISTERS + 1284
/** By slot of a task: whether TypeScript made something of it that is told with it. */
export const TASK_MADE = STATES_REGISTERS + 1288
/** Slots of sums that have a name, in the order of these: the slot, and the code of its part (`PART_KIND_SHIFT`), numbers of four bytes. */
export const NAMED_SLOTS = STATES_REGISTERS + 1292

/** The rest of the room is for more of them. */
export const STATES_REGISTERS_END = STATES_REGISTERS + 1304

// ---- Numbers that both know. ----

// `GoState`, and what stands for no goroutine.
export const UNKNOWN = 0
export const RUNNING = 1
export const RUNNABLE = 2
export const WAITING = 3
export const SYSCALL = 4
export const SYSCALL_BLOCKED = 5
export const ABSENT = 255

// Slots of sums. Time of which nothing is known is summed like the rest, so that no state is a special case, and told to nobody.
export const SLOT_EXEC = 0
export const SLOT_SCHED_WAIT = 1
export const SLOT_SYSCALL = 2
export const SLOT_SYSCALL_BLOCK = 3
export const SLOT_UNKNOWN = 4

// Columns of parts, in the order of `GROUPS`, and their bytes; in `GROUP_OF_SLOT`: the sum is of no group.
export const EXEC = 0
export const SCHED_WAIT = 1
export const NETWORK_TIME = 2
export const CHAN_TIME = 4
export const SYSCALL_TIME = 5
export const SLEEP_TIME = 7
export const UNKNOWN_TIME = 9
export const GROUP_BYTES = 80
export const NO_GROUP = 255

// A row of `KindSums`: byte positions of doubles, of the position and room of its exact durations, and of those of its ranges by doubling.
export const KIND_COUNT = 0
export const KIND_TOTAL = 8
export const KIND_LONGEST = 16
export const KIND_PARTS = 24
export const KIND_EXACT = 104
export const KIND_EXACT_ROOM = 108
export const KIND_RANGES = 112
export const KIND_BYTES = 368
/** Durations kept one by one; beyond them, how many lie in each small range is kept. */
export const EXACT_DURATIONS = 4096
/** Ranges of one doubling, and doublings that the kernel knows. */
export const DURATION_RANGES_BITS = 11
export const DURATION_RANGES = 2048
export const DOUBLINGS = 64
/** Ids up to here are told apart exactly. */
export const MOST_EXACT_ID = 9007199254740991

// `SystemKind`.
export const UNNAMED = 0
export const PROGRAM = 1
export const RUNTIME = 2
export const TIMERS = 3

// `Born`.
export const BORN_BEFORE = 0
export const BORN_HERE = 1
export const BORN_INSIDE_REGION = 2

// What more becomes of a wait: its stack says whether it is the runtime's own, or for the network; the goroutine never comes back from it.
export const ASKS_STACK = 1
export const WAITS_FOREVER = 2

// Rows of `TaskTables.rangeNames` that exist from the start.
export const RANGE_ASSIST = 0
export const RANGE_SWEEP = 1

// Kinds of locks in the columns of `LockPlaces`: not asked yet, none that has a holder, and those that have one.
export const LOCK_UNKNOWN = 0
export const LOCK_UNHELD = 1
export const LOCK_MUTEX = 2
export const LOCK_RW_MUTEX = 3
export const LOCK_ONCE = 4
export const LOCK_FILE = 5

/** Stays of one that lets go of a lock which are looked back over for where it had waited for one. */
export const MOST_STAYS_BEFORE_RELEASE = 16

/** Waits followed from one goroutine to the next; a deeper chain counts under its own reason. */
export const MAX_DEPTH = 256
/** Goroutines that a task was handed from one to the other, with nobody at it in between, that are followed. */
export const MOST_STAGES = 32
/** Stays of those that pass something on, of all together, that are looked back over for who gave it to them. */
export const MOST_STAYS_PASSED_ON = 32
/**
 * What is shown beyond the task's own start and end, for spans that are not quite as long as their task: between the reading of a span's clock and
 * its task's event lie few stays, though one may be long (a preemption); those of a busy goroutine are short, and a clock may be off. Never more
 * than so many stays and so much time.
 */
export const MARGIN_STAYS_ANYWHERE = 6
export const MARGIN_NEAR_NS = 100_000
export const MARGIN_STAYS = 24
/** What a piece of a path has instead of a stay where the task lay in a queue: no goroutine worked for it. */
export const QUEUED = -2
export const MARGIN_NS = 20_000_000
/** Closed ranges looked at beyond the first that lies before the timeline: a range inside another ends before it. */
export const RANGE_LOOKBACK = 4
/** A wait is long from a hundredth of its task on, from a millisecond in any case, and never below 20 us: as children are shown by default. */
export const LEAST_LONG_NS = 20_000
export const LEAST_LONG_SHARE = 0.01
export const LONG_NS = 1_000_000
/** Stays before one for a processor that may tell its stack: the wait or system call that it follows, which may have lost its processor. */
export const MOST_BEFORE_READY = 2
/** Pieces of one path; the rest of a longer one is unknown. */
export const MAX_PIECES = 1_000_000
/** Stays looked forward over for what a waker that had waited since before the capture waits for. */
export const MOST_FORWARD = 16

/** In `StayLog.via`: the waker had waited since before the capture, so that its reason is only told by what it does next. */
export const VIA_UNSETTLED = 0xffff
