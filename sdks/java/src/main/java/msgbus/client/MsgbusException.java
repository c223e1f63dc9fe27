package msgbus.client;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** A failure that the daemon, or the way to it, answered with. */
public final class MsgbusException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The reason of what a daemon does not offer, most often because it only speaks msgbus.v1. */
  public static final String UNSUPPORTED = "unsupported";

  private static final Metadata.Key<String> REASON =
      Metadata.Key.of("msgbus-reason", Metadata.ASCII_STRING_MARSHALLER);

  private static final Set<String> RETRYABLE =
      Set.of("unavailable", "deadline_exceeded", "aborted", "cancelled");

  /** Stand in when a daemon names no reason, as those that only speak v1 do. */
  private static final Map<String, String> USUAL_REASONS =
      Map.ofEntries(
          Map.entry("cancelled", "cancelled"),
          Map.entry("unknown", "internal"),
          Map.entry("invalid_argument", "bad_argument"),
          Map.entry("deadline_exceeded", "timed_out"),
          Map.entry("not_found", "not_found"),
          Map.entry("already_exists", "internal"),
          Map.entry("permission_denied", "access_denied"),
          Map.entry("resource_exhausted", "quota_exceeded"),
          Map.entry("failed_precondition", "internal"),
          Map.entry("aborted", "cancelled"),
          Map.entry("out_of_range", "payload_too_large"),
          Map.entry("unimplemented", UNSUPPORTED),
          Map.entry("internal", "internal"),
          Map.entry("unavailable", "connection_lost"),
          Map.entry("data_loss", "damaged_record"),
          Map.entry("unauthenticated", "access_denied"));

  private final String code;
  private final String reason;

  MsgbusException(String code, String reason, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
    this.reason = reason;
  }

  MsgbusException(String code, String reason, String message) {
    this(code, reason, message, null);
  }

  /** What programs branch on: the gRPC status in lower case, such as {@code not_found}. */
  public String code() {
    return code;
  }

  /** A stable word, such as {@code reserved_topic}. */
  public String reason() {
    return reason;
  }

  /** Whether the same again may work. */
  public boolean isRetryable() {
    return RETRYABLE.contains(code);
  }

  /** Whether the daemon does not know the call, as opposed to nobody having a procedure. */
  boolean isUnsupported() {
    return code.equals("unimplemented") && reason.equals(UNSUPPORTED);
  }

  static MsgbusException of(int status, String reason, String message) {
    String code = codeOf(Status.fromCodeValue(status));
    return new MsgbusException(code, reason.isEmpty() ? USUAL_REASONS.get(code) : reason, message);
  }

  static MsgbusException from(Throwable error) {
    if (error instanceof MsgbusException known) return known;
    Status status = Status.fromThrowable(error);
    Metadata trailers = Status.trailersFromThrowable(error);
    String named = trailers == null ? null : trailers.get(REASON);
    String code = codeOf(status);
    String text = status.getDescription() == null ? code : status.getDescription();
    return new MsgbusException(
        code, named == null ? USUAL_REASONS.get(code) : named, text, error);
  }

  private static String codeOf(Status status) {
    String name = status.getCode().name().toLowerCase(Locale.ROOT);
    return USUAL_REASONS.containsKey(name) ? name : "unknown";
  }

  /** The answer of a unary call. */
  static <T> T answer(java.util.function.Supplier<T> call) {
    try {
      return call.get();
    } catch (StatusRuntimeException error) {
      throw from(error);
    }
  }

  static MsgbusException ended() {
    return new MsgbusException("unavailable", "connection_lost", "the daemon ended the stream");
  }

  static MsgbusException withoutMessage() {
    return new MsgbusException(
        "internal", "undecodable", "the daemon sent an answer without its message");
  }

  static MsgbusException unsupported(String what, MsgbusException cause) {
    String text = "the daemon does not offer " + what + "; it speaks msgbus.v1 only";
    return new MsgbusException("unimplemented", UNSUPPORTED, text, cause);
  }

  static MsgbusException interrupted() {
    Thread.currentThread().interrupt();
    return new MsgbusException("cancelled", "cancelled", "the thread was interrupted");
  }
}
