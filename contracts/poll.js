// A question with options: everybody has one vote and cannot take it back. The deployer asks.

const OPTIONS_MAX = 100
const TEXT_MAX = 1000

exports.question = ''
exports.options = []
/** Votes for each option. */
exports.counts = []
/** Host time from which no vote is taken, ms since 1970; null: until the deployer closes the poll. */
exports.closesAt = null

exports.init = async (question, options, closesAt = null) => {
  if (!isText(question)) fail('QUESTION_INVALID', `a question has 1 to ${TEXT_MAX} characters`)
  const several = Array.isArray(options) && options.length >= 2 && options.length <= OPTIONS_MAX
  if (!several || !options.every(isText) || new Set(options).size < options.length) {
    fail('OPTIONS_INVALID', `options are 2 to ${OPTIONS_MAX} different texts`)
  }
  if (closesAt !== null && !(Number.isSafeInteger(closesAt) && closesAt > env.time)) {
    fail('TIME_INVALID', 'a poll closes at a time to come, in ms since 1970')
  }
  exports.question = question
  exports.options = options
  exports.counts = options.map(() => 0)
  exports.closesAt = closesAt
}

/** Votes for the option with this text. */
exports.vote = async (option) => {
  if (isClosed()) fail('POLL_CLOSED', 'the poll is closed')
  const index = exports.options.indexOf(option)
  if (index === -1) fail('OPTION_UNKNOWN', `the options are: ${exports.options.join(', ')}`)
  // a file a voter, not a list in a variable: a variable is written as a whole, and has its limit
  const vote = `/votes/${caller.id}`
  if (await state.exists(vote)) fail('VOTED_ALREADY', 'you have voted already')
  await state.writeFile(vote, option)
  exports.counts[index]++
}

exports.results = async () => ({
  question: exports.question,
  closed: isClosed(),
  votes: exports.options.map((option, i) => ({ option, count: exports.counts[i] }))
})

/** Ends the poll at once. */
exports.close = async () => {
  if (caller.id !== env.deployer) fail('NOT_OWNER', 'only who asked the question may close the poll')
  if (isClosed()) fail('POLL_CLOSED', 'the poll is closed')
  exports.closesAt = env.time
}

function isClosed() {
  return exports.closesAt !== null && env.time >= exports.closesAt
}

function isText(value) {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_MAX
}

function fail(code, message) {
  throw Object.assign(new Error(message), { code })
}
