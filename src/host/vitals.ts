import { readFileSync } from 'node:fs'
import { readdir, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** How often the event loop is looked at, ms: its delay is what is on top of that. */
const LOOP_MS = 20

/** How often what the event loop did is summed up, ms; and after how many times the disk is measured again. */
const SAMPLE_MS = 5_000
const SAMPLES_A_WALK = 12

/** How long the event loop let what was due wait, ms, and the share of time in which it was busy; of the last seconds. */
export interface LoopSample {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly busy: number
}

/** What the process of a host takes of its machine. Null is what cannot be seen there, or not yet. */
export interface VitalsSample {
  readonly loop: LoopSample
  /** Processor time since the start of the process, s. */
  readonly cpu: number
  /** Bytes. */
  readonly memory: { readonly resident: number; readonly heap: number; readonly external: number }
  readonly descriptors: { readonly open: number; readonly max: number | null } | null
  /** Bytes that the data directory takes, and that its file system has left. */
  readonly disk: { readonly used: number; readonly free: number } | null
}

/** Watches the process and its data directory. What takes long is done once a minute, whoever asks how often. */
export class Vitals {
  readonly #dir: string
  readonly #onSample: () => void
  readonly #histogram = monitorEventLoopDelay({ resolution: LOOP_MS })
  readonly #timer: NodeJS.Timeout
  readonly #descriptorsMax = readDescriptorsMax()
  #descriptors: VitalsSample['descriptors'] = null
  #utilization = performance.eventLoopUtilization()
  #loop: LoopSample | null = null
  #disk: VitalsSample['disk'] = null
  #samples = 0

  /** `onSample` is called every few seconds. */
  constructor(dir: string, onSample: () => void) {
    this.#dir = dir
    this.#onSample = onSample
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#tick(), SAMPLE_MS).unref()
    void this.#walk()
    void this.#count()
  }

  get sample(): VitalsSample {
    const { rss, heapUsed, external } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    return {
      loop: this.#loop ?? this.#look(),
      cpu: (user + system) / 1e6,
      memory: { resident: rss, heap: heapUsed, external },
      descriptors: this.#descriptors,
      disk: this.#disk
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }

  #tick(): void {
    this.#loop = this.#look()
    this.#histogram.reset()
    this.#utilization = performance.eventLoopUtilization()
    this.#onSample()
    void this.#count()
    if (++this.#samples % SAMPLES_A_WALK === 0) void this.#walk()
  }

  #look(): LoopSample {
    const histogram = this.#histogram
    const delay = (ns: number) => (histogram.count === 0 ? 0 : Math.max(0, ns / 1e6 - LOOP_MS))
    return {
      p50: delay(histogram.percentile(50)),
      p99: delay(histogram.percentile(99)),
      max: delay(histogram.max),
      busy: performance.eventLoopUtilization(this.#utilization).utilization
    }
  }

  /** There may be tens of thousands: nobody waits while they are listed. */
  async #count(): Promise<void> {
    try {
      // one is open to read the directory
      const open = (await readdir('/proc/self/fd')).length - 1
      this.#descriptors = { open, max: this.#descriptorsMax }
    } catch {
      this.#descriptors = null
    }
  }

  async #walk(): Promise<void> {
    try {
      const [used, { bavail, bsize }] = await Promise.all([sizeOf(this.#dir), statfs(this.#dir)])
      this.#disk = { used, free: bavail * bsize }
    } catch {
      // whoever watches sees it elsewhere
      this.#disk = null
    }
  }
}

/** What the files below a directory take of the disk, bytes; those that vanish meanwhile do not count. */
async function sizeOf(dir: string): Promise<number> {
  let size = 0
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    size += await stat(file).then(
      // POSIX counts in units of 512 bytes, whatever the file system's are
      ({ blocks }) => blocks * 512,
      () => 0
    )
  }
  return size
}

function readDescriptorsMax(): number | null {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return found === null ? null : Number(found[1])
  } catch {
    return null
  }
}
