// For `node --import`: what brittle is to know before the first test of a file that run.js runs.
import { configure } from 'brittle'

/** What a test may take that does not say it, ms: enough on a machine that is busy with other things as well. */
const TIMEOUT_MS = 120_000

configure({ timeout: TIMEOUT_MS })
