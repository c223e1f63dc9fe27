/** Time of a client under test: it stands still until the test moves it. */

import { ManualClock } from '../../../src/core/manual-clock.ts'
import type { Timing } from '../../../src/client/timing.ts'

export class ManualTiming extends ManualClock implements Timing {
  random(): number {
    return 0.5
  }
}
