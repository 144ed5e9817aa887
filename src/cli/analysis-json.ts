// analysis-json.ts: tasks and captures in the JSON of the commands. Times are nanoseconds from the capture's origin; ids and absolute
// 64-bit times are strings.

import type { RegionRecord, TaskRecord } from '../breakdown/breakdown.ts'
import type { CaptureInfo, CaptureProblem } from '../capture/capture.ts'
import { taskType } from '../join/task-name.ts'

/** A problem's message; where it stands for others of its kind, with their number. */
export function problemText({ message, count }: CaptureProblem): string {
  return count > 1 ? `${message} (and ${(count - 1).toLocaleString('en-US')} more of this kind)` : message
}

/** A capture as JSON. */
export function captureJson(file: string, info: CaptureInfo): object {
  return {
    file,
    header: info.header,
    bytes: info.bytes,
    events: info.events,
    originNs: info.originNs.toString(),
    ticksPerSecond: info.ticksPerSecond,
    durationNs: info.durationNs,
    wallOffsetNs: info.wallOffsetNs === null ? null : info.wallOffsetNs.toString(),
    problems: info.problems.map((problem) => ({
      code: problem.code,
      message: problemText(problem),
      byteOffset: problem.byteOffset,
    })),
  }
}

/** A task as JSON. */
export function taskJson(task: TaskRecord): object {
  return {
    id: String(task.id),
    parentId: task.parentId === null ? null : String(task.parentId),
    name: task.name,
    type: taskType(task.name),
    startNs: task.startNs,
    endNs: task.endNs,
    goroutines: task.goroutines.map(String),
    logs: task.logs.map(({ timeNs, goroutine, category, message }) => ({
      timeNs,
      goroutine: String(goroutine),
      category,
      message,
    })),
    regions: task.regions.map(regionJson),
    path: task.path,
    work: task.work,
  }
}

function regionJson(region: RegionRecord): object {
  return {
    name: region.name,
    goroutine: String(region.goroutine),
    startNs: region.startNs,
    endNs: region.endNs,
    breakdown: region.breakdown,
  }
}
