package msgbus.client;

import com.google.protobuf.ByteString;
import java.util.Map;

/** Answers calls, many at the same time. What it throws reaches the caller, a {@link CallException} as it is. */
@FunctionalInterface
public interface CallHandler {
  /**
   * @param caller its name; empty when it has none
   */
  record Call(String procedure, ByteString payload, Map<String, String> headers, String caller) {
    /** The payload as UTF-8. */
    public String text() {
      return payload.toStringUtf8();
    }
  }

  ByteString answer(Call call) throws Exception;
}
