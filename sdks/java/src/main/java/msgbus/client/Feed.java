package msgbus.client;

import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * What comes, each once and in order, over as many connections as that takes. {@link #next} blocks while there is nothing. One
 * thread reads; any thread may close.
 */
public abstract class Feed<T> implements Iterable<T>, AutoCloseable {
  private volatile boolean isClosed;
  private volatile StreamReader<?, ?> stream;

  Feed() {}

  /**
   * Waits for the next one; null once it is closed.
   *
   * @throws MsgbusException when trying again cannot help
   */
  public final T next() {
    try {
      return isClosed ? null : read();
    } catch (MsgbusException error) {
      if (isClosed) return null;
      throw error;
    }
  }

  /** Ends it; whoever waits in {@link #next} gets null. */
  @Override
  public void close() {
    isClosed = true;
    StreamReader<?, ?> open = stream;
    if (open != null) open.close();
  }

  /** For one loop; it ends when the feed is closed. */
  @Override
  public final Iterator<T> iterator() {
    return new Iterator<>() {
      private T ahead;

      @Override
      public boolean hasNext() {
        if (ahead == null) ahead = Feed.this.next();
        return ahead != null;
      }

      @Override
      public T next() {
        if (!hasNext()) throw new NoSuchElementException("the feed is closed");
        T item = ahead;
        ahead = null;
        return item;
      }
    };
  }

  abstract T read();

  final boolean isClosed() {
    return isClosed;
  }

  /** Remembers a stream, so that closing ends it. */
  final <Q, R> StreamReader<Q, R> use(StreamReader<Q, R> opened) {
    stream = opened;
    if (isClosed) opened.close();
    return opened;
  }
}
