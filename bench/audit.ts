// An audit of a forum by somebody who has copied its logs before, and remembers nothing of them: from opening the
// copy to the verdict, the start of the engine included, no time on the network.
import { type Measure, repeat } from './harness.ts'
import { Worker } from './process.ts'
import { inPlace, startClient, startHost } from './scene.ts'
import type { AuditorCommands } from './workers/auditor.ts'

const AUDITOR = new URL('./workers/auditor.ts', import.meta.url)

export const audit: Measure = {
  name: 'audit',
  async run(options) {
    const { quick, profile } = options
    const count = quick ? 2_000 : 10_000
    const start = (directory: string | null) => Worker.start<AuditorCommands>(AUDITOR, directory)
    const values = await inPlace(async (place) => {
      const dir = await place.directory('auditor')
      const host = await startHost(place, await place.directory('host'), { profile: null })
      const client = await startClient(place, await place.directory('client'), { profile: null })
      const link = await client.ask('deploy', host.id, 'forum')
      await client.ask('manyAtOnce', link, count, 1000)
      await client.stop()
      const copier = start(null)
      await copier.ask('fetch', dir, place.bootstrap, link)
      await copier.stop()
      await host.worker.stop()
      const once = async () => {
        const auditor = start(profile)
        const { calls, seconds } = await auditor.ask('audit', dir, link)
        if (calls < count) throw new Error(`only ${calls} of ${count} calls were audited`)
        await auditor.stop()
        return calls / seconds
      }
      return repeat(quick ? 1 : 5, once, options)
    })
    const name = `audit of ${count.toLocaleString('en')} addPost, local copy`
    return [{ name, unit: 'calls/s', values, bar: 6000 }]
  }
}
