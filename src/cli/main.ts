#!/usr/bin/env node
import { Terminal } from './terminal.ts'
import { analyze } from './analyze.ts'
const t = new Terminal(process.stdout, process.stderr, process.env)
const args = process.argv.slice(3)
process.exitCode = await analyze(
  args.filter((x) => !x.startsWith('--') && !['json', 'jsonl', 'text'].includes(x)),
  { format: args.includes('json') ? 'json' : 'text', goTimes: args.includes('--go-times') },
  t,
)
