package msgbus.client;

import com.google.protobuf.ByteString;
import java.util.Map;

/**
 * A message in a queue.
 *
 * @param attempts deliveries before this one that were not acknowledged
 */
public record QueueMessage(
    String id,
    String queue,
    long sequence,
    ByteString payload,
    Map<String, String> headers,
    long createdAtMs,
    int attempts) {

  /** The payload as UTF-8; what is none shows as U+FFFD. */
  public String text() {
    return payload.toStringUtf8();
  }

  static QueueMessage from(msgbus.v1.Msgbus.FifoMessage wire) {
    return new QueueMessage(
        wire.getId(),
        wire.getQueue(),
        wire.getSequence(),
        wire.getPayload(),
        wire.getHeadersMap(),
        wire.getCreatedAtMs(),
        wire.getAttempts());
  }

  static QueueMessage from(msgbus.v2.Msgbus.QueueMessage wire) {
    return new QueueMessage(
        wire.getId(),
        wire.getQueue(),
        wire.getSequence(),
        wire.getPayload(),
        wire.getHeadersMap(),
        wire.getCreatedAtMs(),
        wire.getAttempts());
  }
}
