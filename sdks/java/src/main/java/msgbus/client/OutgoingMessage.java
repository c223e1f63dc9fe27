package msgbus.client;

import com.google.protobuf.ByteString;
import java.util.Map;

/**
 * What programs publish.
 *
 * @param publishId makes a repetition harmless: within the window of the daemon (ten minutes) the same id stores nothing.
 *     At most 128 bytes; empty: one is made where one is needed
 */
public record OutgoingMessage(
    String topic, ByteString payload, Map<String, String> headers, String publishId) {

  public static OutgoingMessage of(String topic, String text) {
    return new OutgoingMessage(topic, ByteString.copyFromUtf8(text), Map.of(), "");
  }

  public static OutgoingMessage of(String topic, byte[] payload) {
    return new OutgoingMessage(topic, ByteString.copyFrom(payload), Map.of(), "");
  }

  OutgoingMessage withPublishId(String id) {
    return new OutgoingMessage(topic, payload, headers, id);
  }

  int bytes() {
    int bytes = payload.size();
    for (Map.Entry<String, String> header : headers.entrySet()) {
      bytes += header.getKey().length() + header.getValue().length();
    }
    return bytes;
  }
}
