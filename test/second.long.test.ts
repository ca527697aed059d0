import { compare } from './second-histories.ts'

compare(Number(process.env['MIVM_HISTORIES'] ?? 1_000))
