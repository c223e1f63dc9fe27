package msgbus.client;

import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;

/** Publish ids that no other process makes: a random beginning and a number. */
final class PublishIds {
  private final String prefix;
  private final AtomicLong last = new AtomicLong();

  PublishIds() {
    byte[] random = new byte[12];
    new SecureRandom().nextBytes(random);
    prefix = HexFormat.of().formatHex(random) + "-";
  }

  String next() {
    return prefix + Long.toString(last.incrementAndGet(), 36);
  }
}
