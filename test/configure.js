// For `node --import`: what brittle is to know before the first test of a file that run.js runs.
import { configure } from 'brittle'

/** What is left of a file's time when a test is given up that hangs, s: enough to say which one. */
const LEFT_S = 20

const { MIVM_TEST_SECONDS = '900' } = process.env
configure({ timeout: Math.max(1, Number(MIVM_TEST_SECONDS) - LEFT_S) * 1000 })
