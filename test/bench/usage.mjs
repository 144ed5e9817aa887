// usage.mjs: loaded before a program (`node --import`), tells on file descriptor 3 what the whole process cost when it ends.

import { writeSync } from 'node:fs'

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const usage = { wallS: process.uptime(), cpuS: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 }
  writeSync(3, JSON.stringify(usage))
})
