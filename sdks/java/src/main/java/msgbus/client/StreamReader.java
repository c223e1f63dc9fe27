package msgbus.client;

import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/** The responses of one stream, read by whoever asks; one is asked for at a time. */
final class StreamReader<Q, R> implements ClientResponseObserver<Q, R>, AutoCloseable {
  private static final Object END = new Object();

  /** Responses, then END or what it failed with. At most one response waits. */
  private final LinkedBlockingQueue<Object> arrived = new LinkedBlockingQueue<>();

  private volatile ClientCallStreamObserver<Q> call;
  private Object last;

  /** {@code open} hands this to the stub. */
  static <Q, R> StreamReader<Q, R> open(Consumer<StreamReader<Q, R>> open) {
    StreamReader<Q, R> reader = new StreamReader<>();
    open.accept(reader);
    return reader;
  }

  /**
   * Waits for the next response; null at the end.
   *
   * @throws MsgbusException what it failed with, and from then on always the same
   */
  @SuppressWarnings("unchecked")
  R next() {
    try {
      if (last == null) {
        Object item = arrived.take();
        if (item != END && !(item instanceof Throwable)) {
          call.request(1);
          return (R) item;
        }
        last = item;
      }
    } catch (InterruptedException error) {
      throw MsgbusException.interrupted();
    }
    if (last instanceof Throwable error) throw MsgbusException.from(error);
    return null;
  }

  /** Ends it; whoever waits is told. */
  @Override
  public void close() {
    call.cancel("closed", null);
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<Q> stream) {
    call = stream;
    stream.disableAutoRequestWithInitial(1);
  }

  @Override
  public void onNext(R response) {
    arrived.add(response);
  }

  @Override
  public void onError(Throwable error) {
    arrived.add(error);
  }

  @Override
  public void onCompleted() {
    arrived.add(END);
  }
}
