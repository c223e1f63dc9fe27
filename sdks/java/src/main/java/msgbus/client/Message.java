package msgbus.client;

import com.google.protobuf.ByteString;
import java.util.Map;

/**
 * A message of a log, or, with head id 0, one that was not stored.
 *
 * @param createdAtMs milliseconds since 1970
 * @param position where a subscription goes on behind this message; null while there is no place
 */
public record Message(
    String id,
    String topic,
    NodeId origin,
    long headId,
    ByteString payload,
    Map<String, String> headers,
    long createdAtMs,
    boolean deleted,
    Position position) {

  /** The payload as UTF-8; what is none shows as U+FFFD. */
  public String text() {
    return payload.toStringUtf8();
  }

  static Message from(msgbus.v1.Msgbus.MessageEnvelope wire) {
    return new Message(
        wire.getId(),
        wire.getTopic(),
        NodeId.from(wire.getOrigin()),
        wire.getHeadId(),
        wire.getPayload(),
        wire.getHeadersMap(),
        wire.getCreatedAtMs(),
        wire.getDeleted(),
        new Position("", wire.getHeadId()));
  }
}
