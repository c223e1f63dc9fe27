package msgbus.client;

import com.google.protobuf.ByteString;

/** An error of the application behind a call, in its own words. Handlers throw one, callers get it. */
public final class CallException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String name;
  private final transient ByteString payload;

  public CallException(String name, String message, ByteString payload) {
    super(message);
    this.name = name;
    this.payload = payload;
  }

  /** What programs branch on, such as {@code com.example.no_such_room}. */
  public String name() {
    return name;
  }

  public ByteString payload() {
    return payload;
  }
}
