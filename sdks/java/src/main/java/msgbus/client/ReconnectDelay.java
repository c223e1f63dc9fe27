package msgbus.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Doubles, and leaves out a random half, so that many clients of a restarted daemon do not come in step. */
final class ReconnectDelay {
  static final Duration USUAL = Duration.ofMillis(250);
  private static final double MOST_MS = 10_000;

  private final double firstMs;
  private double stepMs;

  ReconnectDelay(Duration first) {
    firstMs = first.toNanos() / 1e6;
  }

  /** To be called after every success. */
  void reset() {
    stepMs = 0;
  }

  void pause() {
    stepMs = stepMs == 0 ? firstMs : Math.min(2 * stepMs, Math.max(MOST_MS, firstMs));
    long half = (long) (stepMs * 500_000);
    try {
      Thread.sleep(Duration.ofNanos(half + ThreadLocalRandom.current().nextLong(half + 1)).toMillis());
    } catch (InterruptedException error) {
      throw MsgbusException.interrupted();
    }
  }
}
