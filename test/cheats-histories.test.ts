import { testPart } from './cheats/part.ts'

testPart('histories')
