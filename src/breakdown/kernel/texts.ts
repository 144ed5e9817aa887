// texts.ts: the name and the logs of a task, written with it as it is kept (`../compact-task.ts` reads them): bytes of strings of the generation in
// hand, which become texts when somebody asks. `../task-logs.ts` has those whose generation went.

import { wholeOf } from '../../base/kernel/whole.ts'
import {
  HEAD_LOGS,
  HEAD_NAME,
  HEAD_TEXTS,
  KEPT_LOG,
  LOG_CATEGORY,
  LOG_GOROUTINE,
  LOG_MESSAGE,
  LOG_NEXT,
  LOG_TIME,
  NAME_BYTES,
  NAME_EXTENT,
  NAME_FROM,
  NAME_ROOM,
  TASK_BLOCK_BYTES,
  TASK_NAME,
} from '../states-layout.ts'
import { at, goTo, put } from './block.ts'

const NONE: i32 = -1

/**
 * Writes the texts of the task of a slot, and in its head where they are.
 *
 * @param head where the block begins
 * @param firstLog first of its logs; -1 none
 * @returns whether there was room
 */
export function keepTexts(head: usize, slot: i32, firstLog: i32): bool {
  const end = head + TASK_BLOCK_BYTES
  store<f64>(head, (at - head) >>> 3, HEAD_TEXTS << 3)
  const name = load<f64>(load<u32>(TASK_NAME) + (slot << 3))
  let nameBytes: i32 = NONE
  if (isReadable(name)) {
    nameBytes = lengthOf(wholeOf(name))
    if (at + nameBytes > end) return false
    putText(wholeOf(name), nameBytes)
    align()
  }
  store<f64>(head, nameBytes, HEAD_NAME << 3)
  let logs: i32 = 0
  for (let log = firstLog; log !== NONE; log = load<i32>(load<u32>(LOG_NEXT) + (log << 2))) {
    const category = load<i32>(load<u32>(LOG_CATEGORY) + (log << 2))
    const message = load<i32>(load<u32>(LOG_MESSAGE) + (log << 2))
    const categoryBytes = lengthOf(category)
    const messageBytes = lengthOf(message)
    if (at + (KEPT_LOG << 3) + categoryBytes + messageBytes > end) return false
    put(load<f64>(load<u32>(LOG_TIME) + (log << 3)))
    put(load<f64>(load<u32>(LOG_GOROUTINE) + (log << 3)))
    put(categoryBytes)
    put(messageBytes)
    putText(category, categoryBytes)
    putText(message, messageBytes)
    align()
    logs++
  }
  store<f64>(head, logs, HEAD_LOGS << 3)
  return true
}

/** Whether a string is one of the generation in hand whose bytes lie here. */
export function isReadable(string: f64): bool {
  return string >= 0 && string < <f64>load<u32>(NAME_ROOM)
}

/** Bytes of a string that is in the table; 0 is the empty one, which is not. */
function lengthOf(string: u32): u32 {
  const begin = load<u32>(load<u32>(NAME_FROM) + (string << 2))
  return begin === 0 ? 0 : load<u32>(load<u32>(NAME_EXTENT) + (string << 2)) - (begin - 1)
}

function putText(string: u32, bytes: u32): void {
  memory.copy(at, load<u32>(NAME_BYTES) + load<u32>(load<u32>(NAME_FROM) + (string << 2)) - 1, bytes)
  goTo(at + bytes)
}

/** What comes next begins at a multiple of eight. */
function align(): void {
  goTo((at + 7) & ~7)
}
