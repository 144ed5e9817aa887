// analysis-text.ts: a capture's tasks as tables for people.
import type { TaskRecord } from '../breakdown/breakdown.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import type { Style } from './terminal.ts'

export class AnalysisText {
  private n = 0
  add(task: TaskRecord): void {
    this.n += task.regions.length
  }
  render(file: string, info: CaptureInfo, style: Style): string {
    return `${style.bold(file)} ${info.events} ${this.n}\n`
  }
}
