/**
 * What things cost, in fuel: one unit is about 0.1 µs of the engine without JIT. Part of the VM id: a price never
 * changes. All in one place, for host and auditor, for compiled code and builtins.
 */
export const PRICES = {
  /**
   * Syntax, by type of node: what it adds to the straight code it is in, in sixteenths of a unit; what is charged at
   * once is rounded up. All that is not named is `other`. What makes an object pays for the collector, too, which
   * has most to do where all of them are kept.
   */
  code: {
    scale: 1 / 16,
    other: 1,
    ExpressionStatement: 0,
    BlockStatement: 0,
    ParenthesizedExpression: 0,
    CallExpression: 8,
    /** On top, for a method with the name of a builtin that counts how deep it is nested and nothing else. */
    method: 16,
    NewExpression: 48,
    TaggedTemplateExpression: 16,
    /** On top, for each of the many that the code has. */
    template: 1,
    TemplateLiteral: 40,
    ObjectExpression: 48,
    ArrayExpression: 48,
    ArrayPattern: 24,
    /** An element of one, or the lack of one: a step of an iterator. */
    element: 8,
    /** A regular expression as a literal. */
    pattern: 64,
    SpreadElement: 80,
    AwaitExpression: 48,
    YieldExpression: 16,
    /** What V8 keeps of a function that is suspended, for each level of depth but the first, each time. */
    kept: 128,
    /** On top: what divides numbers whose exponents are far apart takes long. */
    remainder: 16,
    /** An assignment to what may be an element, on top. */
    stored: 4,
    /** What compares with a text that is written out, on top. */
    order: 8,
    /** A property of a literal whose key is computed, on top. */
    computed: 48,
    /** A name that is declared together with many others, wherever that is done. */
    name: 4,
    ThrowStatement: 32,
    CatchClause: 48,
    /** A declaration with `using`, on top. */
    using: 16,
    /** Entering a function; one that can be suspended, on top, for each level of depth. */
    entry: 8,
    suspendable: 48,
    /** For each list of variables around a function, from the seventeenth on: the part that all in it costs more. */
    list: 1 / 16,
    /** Each level of depth that a function takes, but the first. */
    level: 4,
    /** Making a function; one that has a prototype. */
    closure: 72,
    constructor: 240,
    /** A loop, each turn of it, and a turn that takes a step of an iterator; to make the iterator, and find it at its end. */
    loop: 3,
    iteration: 40,
    turn: 3,
    step: 10,
    /** All turns of a loop together, where it is known how many they are, up to which they are paid for before the first. */
    turns: 2048,
    /** Making a class, and each member of it; a field of an instance. */
    class: 480,
    member: 160,
    field: 8,
    /** Branches that cost more pay where they are entered; others are paid for in any case. */
    branch: 40,
    /** In units: for a TypeError of V8's, whose message it makes from the text of the function; for a character of it. */
    failure: 200,
    failureCharacter: 1 / 2,
    /** In units: for calling a generator, for each level of depth. */
    generator: 10,
    /** In units: for a function that throws; on top, for an async one, and for an `await` that throws. */
    thrown: 20,
    rejection: 40
  },

  /** Units for what compiled code does by itself: see counter.js. */
  counter: {
    /** An operator on two big integers of up to 512 bits, on two texts of up to 128 characters together. */
    operator: 4,
    text: 1,
    /**
     * A unit for two to the power of this many promises that may have been rejected before they had a handler, where
     * one of them may get its handler.
     */
    notes: 6,
    /** A step of what `yield*` and `for await` go through. */
    step: 8,
    /** A thrown object that is caught and no TypeError. */
    error: 30,
    /** A character of the message of a TypeError that is a long one, wherever it is caught or leaves a function. */
    message: 1 / 128
  },

  /** What a call asks of the host, and what goes in and out of it as text. */
  state: {
    /** Any call. */
    call: 100,
    /** A variable, going in and coming out; each character of the text form of a value. */
    variable: 5,
    decoded: 0.6,
    encoded: 0.6,
    /** An element or property that comes out, or is looked at for it. */
    item: 8,
    /** Names of exports that are looked at for nothing: methods are few. */
    namesFree: 64,
    /** A character of a path that is not in normal form yet. */
    pathCharacter: 4,
    /** An operation on the state, a question to an oracle, a line for the console; a character of it, or its answer. */
    operation: 50,
    /** One that does nothing but check a path; for its characters as for any other. */
    checked: 10,
    /** One that is answered, or refused, on top: each is a turn of the engine, and some are a question to the host. */
    answer: 1000,
    byte: 0.2,
    /** A byte of a file that is looked at and not read. */
    looked: 0.1,
    /** A name that is listed, a file that rmdir comes to; a directory that is looked for since its name begins another. */
    listed: 100,
    probed: 40,
    /** Something that the console says and that is no value; of an error, a unit for each character, too. */
    shown: 100,
    /** A question to an oracle, on top: each is two entries of the log, synced. */
    oracle: 50_000,
    /** One that is named. */
    named: 5
  },

  /**
   * Units per item: character, element, property, word. Measured with --jitless on Node 26.10.0 for 10^3 to 10^6
   * items, without V8's "protectors": a contract can invalidate them (`[].constructor = 1`), and arrays are then
   * copied element by element. Where the time depends on what the items are, the price is that of the
   * slowest that can be made cheaply.
   */
  builtins: {
    /** Of a builtin that calls back, on top of its items. */
    callback: 8,
    /** What pays by its items, on top of them, however few there are. */
    spent: 3,
    /** A level of builtins inside of builtins, from the seventeenth on. */
    deep: 10,
    /** What calls something of the contract's and is no longer than that; what makes an object, or a primitive of one. */
    call: 2,
    object: 10,

    // text, a character
    /** One that is over 128 characters long and put together: it may be copied. */
    rope: 2,
    /** Copying, comparing, flattening. */
    copy: 1 / 512,
    /** Comparing one with that of a property that cannot change, or of what is no array: V8 goes through ropes. */
    closed: 1 / 32,
    scan: 1 / 128,
    /** indexOf and its kin, for a pattern of one character. */
    find: 1 / 1024,
    /** For one of up to 7, which V8 compares at every place. */
    findShort: 1 / 8,
    /** For one of up to 250, by Boyer-Moore. */
    findLong: 1 / 12,
    /** For a longer one: a character of the text for each of the pattern. */
    findProduct: 1 / 160,
    /** lastIndexOf compares at every place, whatever the length: as findProduct. */
    findLast: 1 / 60,
    hash: 1 / 10,
    /** Of one that is longer than 16383, as the key of a property: as many as there may be in memory have its hash. */
    hashLong: 4,
    changeCase: 1 / 12,
    normalize: 1,
    /** Combining marks in a row are sorted in quadratic time: for each pair. */
    normalizePair: 1 / 128,
    escape: 1 / 8,
    parseNumber: 1 / 32,
    /** A digit of one that parseInt has to round. */
    digit: 2,
    /** One of several codes that a text is made of. */
    code: 1 / 2,
    /** A part that split, replaceAll or String.raw makes. */
    part: 3,
    /** Making a number or a big integer of something. */
    numberMade: 3,
    /** Number#toString with a radix, toFixed and so on: of an integer or with few digits, and of up to 1,100. */
    numberText: 8,
    numberTextLong: 140,
    jsonParse: 1,
    jsonQuote: 1 / 6,
    /** JSON.stringify: an element or property; JSON.parse with a reviver, the same. */
    jsonNode: 10,
    jsonRevive: 24,
    /** An object with a tag, of which nothing else says what it is, but errors. */
    jsonTagged: 200,
    /** A space in front of one, with the third argument of JSON.stringify. */
    jsonSpace: 1 / 16,

    /** A date that is read or written as text. */
    date: 16,
    /** A function of Math that is software here. */
    math: 10,
    /** A power: a logarithm and an exponential function. */
    power: 20,

    // arrays, an element
    /** One that is read from what is like an array. */
    arrayLike: 2,
    arrayNew: 1 / 16,
    /** What is left in an array that becomes shorter; by pop, which can be a table only where much more is missing. */
    arrayLeft: 1 / 16,
    arrayPopped: 1 / 512,
    arrayCopy: 1,
    arrayMove: 1 / 64,
    arrayFind: 1 / 4,
    /** In an array that V8 may make a table of, since something is defined on it. */
    arrayTable: 1,
    arrayEach: 1,
    /** An array that is joined, on top of its elements. */
    join: 24,
    /** Something that is made a text while it is joined. */
    joinText: 16,
    arrayJoin: 1,
    /** An element that flat, flatMap or concat puts one by one; an array that they go into. */
    arrayPut: 4,
    arrayEnter: 12,
    /** For n elements, n log2 n times. */
    sort: 1,
    /** A step of an iterator. */
    step: 12,
    /** A promise that is waited for with others; V8 moves all that came before it. */
    promise: 20,
    promiseBefore: 1 / 16,
    /** then, and what calls it. */
    then: 24,
    /** Something that an async generator is asked, for each that waits already. */
    askedBefore: 1 / 16,
    /** A promise that is rejected, or may be. */
    reject: 40,
    /** Something that is disposed of later, and awaited. */
    dispose: 1000,
    argument: 1 / 4,

    // buffers, a byte; typed arrays, an element
    /** A view of a buffer, or an array that another function makes; one that another view makes. */
    view: 16,
    subarray: 32,
    bytesNew: 1 / 128,
    bytesCopy: 1 / 64,
    bytesEach: 1,
    bytesConvert: 1 / 16,
    /** A character of base64 or of hexadecimal digits that is looked at before it is read. */
    bytesRead: 1 / 6,
    /** A character or byte that TextEncoder, TextDecoder, atob or btoa converts; a byte that is no UTF-8. */
    utf8: 1,
    /** A text or buffer that one of them is given, or that is base64 or hexadecimal digits, however short. */
    converted: 12,
    utf8Broken: 8,

    // collections and objects, an entry or property
    entry: 8,
    entryRead: 1,
    /** A key of the same hash that is passed on the way to one. */
    keyClass: 1 / 32,
    /** A number that is new in a large collection. */
    keyNoted: 6,
    /** One that is there when an iterator is made: three times as many that are gone may stand before it. */
    entryPassed: 1 / 16,
    /** A key that goes, for each iterator that there is: it may have to pass the place. */
    iteratorPassing: 1 / 32,
    /** An entry that is put in; a collection that is made. */
    entryPut: 6,
    /** An entry of a weak collection: the collector goes through all of them. */
    entryWeak: 12,
    collection: 15,
    collectionWeak: 25,
    key: 3,
    /** One that is a number, and no index: V8 makes a text of it, which it looks for among all that there are. */
    keyNumber: 4,
    /** A key that a function is given. */
    keyGiven: 2,
    keyValue: 6,
    keyWrite: 12,
    /** One that `...` copies. */
    keyCopied: 8,
    /** One that `...` in a pattern compares with one that the pattern has. */
    keyCompared: 1 / 16,
    /** A key that a trap of a proxy answers with. */
    keyTrapped: 24,
    prototype: 1 / 2,
    /** structuredClone: a prototype that may say of which kind an object is; one that is of a kind and the object is not. */
    kind: 4,
    kindMissed: 40,
    /** A trap of a proxy, whether there is one or not. */
    trap: 30,
    proxy: 40,
    bind: 64,

    /** An operator on anything but numbers, short texts and big integers: finding out what to make of it. */
    operand: 3,
    /** An operator on big integers, whatever their size. */
    operator: 6,
    // big integers, a word of 64 bits
    word: 1 / 64,
    /** Pairs of words: for `*`, where both are long and V8 is cleverer, for `/` and `%`, for decimal digits. */
    multiply: 1 / 48,
    multiplyLong: 1 / 400,
    divide: 1 / 24,
    digits: 1 / 8
  },

  /** What one call may have, whatever it pays. No instance has lower ones. */
  limits: {
    /** Bytes of the strings, arrays and long big integers that builtins make. */
    allocation: 32 * 1024 * 1024,
    /** Bytes of the buffers. */
    buffers: 16 * 1024 * 1024,
    /** Characters of one string. */
    text: 16 * 1024 * 1024,
    /** Characters of a symbol's description. */
    description: 4096,
    /** Bits of one big integer. */
    bits: 1024 * 1024,
    /** Builtins inside of builtins: callbacks, getters and traps that are builtins, arrays in arrays. */
    nesting: 200,
    /** Arguments from arrays, of all calls that have not returned yet. */
    arguments: 32768,
    /** Arguments that a bound function holds, with those of what it is bound to. */
    boundArguments: 64,
    /** Proxies of proxies, bound functions of bound functions. */
    layers: 32,
    /** Prototypes of an object. */
    prototypes: 32
  },

  /** RegExp, see regexp.js; measured by bench/regexp.js and with the slowest patterns that were found. */
  regexp: {
    /** One match, whatever comes of it. */
    EXEC: 10,
    /** What goes through a text: match with flag g, matchAll, replace, split; on top. */
    METHOD: 60,
    /** A capture of the pattern, in each match; with flag d. */
    CAPTURE: 2,
    INDEXED_CAPTURE: 6,
    /** A step of V8's: a character compared, a place gone back to. */
    NATIVE_STEP: 1 / 4,
    /** A step of the metered matcher. */
    STEP: 5,
    /** Steps, on top, for a character beyond ASCII that is looked for in a class. */
    RARE_STEPS: 2,
    /** Steps for each length that a class of strings may match. */
    STRING_STEPS: 4,
    /** Making a RegExp object, and each character of its source. */
    CREATE: 50,
    CREATE_CHARACTER: 1,
    /** The first match with a source and its flags in a call, and each character of the source. */
    COMPILE: 1000,
    COMPILE_CHARACTER: 60,
    /** A property of Unicode, or a class that is folded with it: whenever V8 parses it, and for its compilation. */
    PROPERTY: 3000,
    COMPILE_PROPERTY: 60000,
    /** A class with the flags u and v. */
    COMPILE_CLASS: 1000,
    /** A property of strings, such as RGI_Emoji. */
    STRING_PROPERTY: 300000,
    /** For each two characters of a source with flag v: V8 compares each member of a class with each. */
    SET_PAIR: 1 / 32,
    /** A character of a replacement with $, each time that it is used. */
    TEMPLATE_CHARACTER: 2,
    /** A character of a result. */
    CHARACTER: 1 / 8
  }
}
