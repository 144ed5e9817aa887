// rows.ts: rows of columns that are used again, for kernels: those given back first, then new ones.

/** Whether `takeRow` has a row. */
export function hasRow(rows: usize, room: u32, freeCount: usize): bool {
  return load<u32>(freeCount) > 0 || load<u32>(rows) < room
}

/**
 * A row to be filled; -1 when the columns have to grow first.
 *
 * @param rows where it is told how many rows were ever given out
 * @param room rows that there is room for
 * @param free where the position of the list of rows given back is told, and `freeCount` where their number is
 */
export function takeRow(rows: usize, room: u32, free: usize, freeCount: usize): i32 {
  const count = load<u32>(freeCount)
  if (count > 0) {
    store<u32>(freeCount, count - 1)
    return load<i32>(load<u32>(free) + ((count - 1) << 2))
  }
  const row = load<u32>(rows)
  if (row >= room) return -1
  store<u32>(rows, row + 1)
  return row
}
