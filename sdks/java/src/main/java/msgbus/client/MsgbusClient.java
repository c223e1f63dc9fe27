package msgbus.client;

import com.google.protobuf.ByteString;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import msgbus.v1.Msgbus.AckFifoRequest;
import msgbus.v1.Msgbus.DeleteRangeRequest;
import msgbus.v1.Msgbus.EnqueueFifoRequest;
import msgbus.v1.Msgbus.FetchRequest;
import msgbus.v1.Msgbus.FetchResponse;
import msgbus.v1.Msgbus.FifoMessage;
import msgbus.v1.Msgbus.GetHeadRequest;
import msgbus.v1.Msgbus.GetHeadResponse;
import msgbus.v1.Msgbus.HealthRequest;
import msgbus.v1.Msgbus.ListHeadsRequest;
import msgbus.v1.Msgbus.PeekFifoRequest;
import msgbus.v1.Msgbus.PublishRequest;
import msgbus.v1.Msgbus.PublishResponse;
import msgbus.v1.Msgbus.RejectFifoRequest;
import msgbus.v1.MsgbusServiceGrpc;
import msgbus.v2.AdminServiceGrpc;
import msgbus.v2.BusServiceGrpc;
import msgbus.v2.ClientServiceGrpc;
import msgbus.v2.Msgbus.BroadcastRequest;
import msgbus.v2.Msgbus.CallFailure;
import msgbus.v2.Msgbus.CallRequest;
import msgbus.v2.Msgbus.CallResponse;
import msgbus.v2.Msgbus.GetStatusRequest;
import msgbus.v2.Msgbus.SendRequest;
import msgbus.v2.QueueServiceGrpc;

/**
 * Speaks with one daemon over one connection, which mends itself. Threads may share it.
 *
 * <p>Calls throw {@link MsgbusException}.
 */
public final class MsgbusClient implements AutoCloseable {
  static final int REPLAY_LIMIT = 100;

  /** Above what daemons take by default, since an operator may allow larger messages. */
  private static final int MAX_RESPONSE_BYTES = 256 << 20;

  private static final int USUAL_PORT = 50051;

  /** The last head id of one log. */
  public record TopicHead(String topic, NodeId origin, long headId) {}

  private final ManagedChannel connection;
  private final Channel channel;
  private final PublishIds ids = new PublishIds();

  private MsgbusClient(ManagedChannel connection, String token) {
    this.connection = connection;
    if (token == null) {
      this.channel = connection;
    } else {
      Metadata metadata = new Metadata();
      metadata.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
      this.channel =
          ClientInterceptors.intercept(
              connection, MetadataUtils.newAttachHeadersInterceptor(metadata));
    }
  }

  /**
   * A client whose first call makes the connection.
   *
   * @param target {@code host:port}, {@code http://host:port}, or {@code https://host:port} for TLS
   */
  public static MsgbusClient connect(String target) {
    return connect(target, null);
  }

  /** With a token; null: none. */
  public static MsgbusClient connect(String target, String token) {
    boolean isTls = target.startsWith("https://");
    String address = target;
    if (target.contains("://")) {
      URI uri = URI.create(target);
      address = uri.getHost() + ":" + (uri.getPort() == -1 ? USUAL_PORT : uri.getPort());
    }
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(
            address, isTls ? TlsChannelCredentials.create() : InsecureChannelCredentials.create());
    return new MsgbusClient(
        builder
            .maxInboundMessageSize(MAX_RESPONSE_BYTES)
            // Finds out that the other side is gone without a word.
            .keepAliveTime(30, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build(),
        token);
  }

  /** Over a channel of the program's own making: client certificates, Unix sockets. The client closes it. */
  public static MsgbusClient over(ManagedChannel channel) {
    return new MsgbusClient(channel, null);
  }

  /** Ends everything at once. Close publishers before: they flush. */
  @Override
  public void close() {
    connection.shutdownNow();
    try {
      connection.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  /** Stores a message, and returns it once it is as durable as the daemon is configured. */
  public Message publish(String topic, String text) {
    return publish(OutgoingMessage.of(topic, text));
  }

  /**
   * As {@link #publish(String, String)}. Repeated after a broken connection, with the same publish id, so that it is stored
   * once. A daemon that does not know such ids, which is one that only speaks v1, is not asked twice: then the message may
   * have been stored or not.
   */
  public Message publish(OutgoingMessage message) {
    OutgoingMessage own =
        message.publishId().isEmpty() ? message.withPublishId(ids.next()) : message;
    ReconnectDelay delay = new ReconnectDelay(ReconnectDelay.USUAL);
    boolean isRepeatable = false;
    while (true) {
      try {
        return publishOnce(own);
      } catch (MsgbusException error) {
        if (!mayRetry(error)) throw error;
        if (!isRepeatable) isRepeatable = knowsPublishIds(delay);
        if (!isRepeatable) throw error;
      }
      delay.pause();
    }
  }

  /** Whether this daemon speaks v2. An answer of any kind, even a refusal, is that of one. */
  private boolean knowsPublishIds(ReconnectDelay delay) {
    while (true) {
      try {
        MsgbusException.answer(
            () ->
                AdminServiceGrpc.newBlockingStub(channel)
                    .getStatus(GetStatusRequest.getDefaultInstance()));
        return true;
      } catch (MsgbusException error) {
        if (error.isUnsupported()) return false;
        if (!error.isRetryable()) return true;
        if (isClosed()) throw error;
      }
      delay.pause();
    }
  }

  Message publishOnce(OutgoingMessage message) {
    MsgbusServiceGrpc.MsgbusServiceBlockingStub stub = MsgbusServiceGrpc.newBlockingStub(channel);
    if (!message.publishId().isEmpty()) {
      Metadata metadata = new Metadata();
      metadata.put(
          Metadata.Key.of("msgbus-publish-id", Metadata.ASCII_STRING_MARSHALLER),
          message.publishId());
      stub = stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
    }
    MsgbusServiceGrpc.MsgbusServiceBlockingStub own = stub;
    PublishRequest request =
        PublishRequest.newBuilder()
            .setTopic(message.topic())
            .setPayload(message.payload())
            .putAllHeaders(message.headers())
            .build();
    PublishResponse response = MsgbusException.answer(() -> own.publish(request));
    if (!response.hasMessage()) throw MsgbusException.withoutMessage();
    return Message.from(response.getMessage());
  }

  /** For many messages. */
  public Publisher publisher() {
    return publisher(Publisher.Options.usual());
  }

  public Publisher publisher(Publisher.Options options) {
    return new Publisher(this, options);
  }

  /** Every message that a filter matches: stored ones, then what comes. */
  public Subscription subscribe(String filter) {
    return subscribe(filter, Subscription.Options.from(Start.EARLIEST));
  }

  public Subscription subscribe(String filter, Subscription.Options options) {
    return new Subscription(this, filter, options);
  }

  /**
   * One log by head ids, as msgbus.v1 has it.
   *
   * @param origin null: of the daemon itself
   */
  public Feed<Message> subscribeLog(String topic, NodeId origin, long fromHeadId) {
    return subscribeLog(topic, origin, fromHeadId, REPLAY_LIMIT, ReconnectDelay.USUAL);
  }

  public Feed<Message> subscribeLog(
      String topic, NodeId origin, long fromHeadId, int replayLimit, Duration reconnectDelay) {
    return new LogReader(
        this, topic, origin, fromHeadId, replayLimit, new ReconnectDelay(reconnectDelay));
  }

  /** Stored messages of one log, in order; at most 10,000 at once. A null origin is the daemon itself. */
  public List<Message> fetch(String topic, NodeId origin, long fromHeadId, int limit) {
    FetchRequest request = fetchRequest(topic, origin, fromHeadId, limit);
    List<Message> messages = new ArrayList<>();
    try (StreamReader<FetchRequest, FetchResponse> page =
        StreamReader.open(reader -> v1().fetch(request, reader))) {
      for (FetchResponse got = page.next(); got != null; got = page.next()) {
        if (!got.hasMessage()) throw MsgbusException.withoutMessage();
        messages.add(Message.from(got.getMessage()));
      }
    }
    return messages;
  }

  FetchRequest fetchRequest(String topic, NodeId origin, long fromHeadId, int limit) {
    FetchRequest.Builder request =
        FetchRequest.newBuilder()
            .setTopic(topic)
            .setFromHeadId(Math.max(1, fromHeadId))
            .setLimit(limit);
    if (origin != null) request.setOrigin(origin.toV1());
    return request.build();
  }

  /** The last head id of a log; empty when nothing was ever stored in it. */
  public OptionalLong getHead(String topic, NodeId origin) {
    GetHeadRequest.Builder request = GetHeadRequest.newBuilder().setTopic(topic);
    if (origin != null) request.setOrigin(origin.toV1());
    GetHeadResponse response = MsgbusException.answer(() -> calls().getHead(request.build()));
    return response.getFound() ? OptionalLong.of(response.getHeadId()) : OptionalLong.empty();
  }

  /** Every log of every origin. */
  public List<TopicHead> listHeads() {
    return MsgbusException.answer(() -> calls().listHeads(ListHeadsRequest.getDefaultInstance()))
        .getHeadsList()
        .stream()
        .map(head -> new TopicHead(head.getTopic(), NodeId.from(head.getOrigin()), head.getHeadId()))
        .toList();
  }

  /** Deletes messages of the daemon's own log, both ends included, and returns how many. */
  public long deleteRange(String topic, long fromHeadId, long toHeadId) {
    DeleteRangeRequest request =
        DeleteRangeRequest.newBuilder()
            .setTopic(topic)
            .setFromHeadId(fromHeadId)
            .setToHeadId(toHeadId)
            .build();
    return MsgbusException.answer(() -> calls().deleteRange(request)).getDeletedCount();
  }

  /** Adds a message at the end of a queue. */
  public QueueMessage enqueue(String queue, String text) {
    return enqueue(queue, ByteString.copyFromUtf8(text), null);
  }

  /**
   * @param target the node whose queue it is; null: this daemon's
   */
  public QueueMessage enqueue(String queue, ByteString payload, NodeId target) {
    EnqueueFifoRequest request =
        EnqueueFifoRequest.newBuilder()
            .setQueue(queue)
            .setTopic(queue)
            .setTarget((target == null ? new NodeId("", "", "") : target).toV1())
            .setPayload(payload)
            .build();
    FifoMessage message =
        MsgbusException.answer(() -> calls().enqueueFifo(request)).getMessage();
    return QueueMessage.from(message);
  }

  /** Takes messages from a queue that programs share. */
  public Consumer consume(String queue) {
    return consume(queue, Consumer.Options.usual());
  }

  public Consumer consume(String queue, Consumer.Options options) {
    return new Consumer(this, queue, options);
  }

  /** The front message, which stays there; null when there is none. */
  public QueueMessage peekFifo(String queue) {
    PeekFifoRequest request = PeekFifoRequest.newBuilder().setQueue(queue).build();
    try {
      return QueueMessage.from(
          MsgbusException.answer(() -> calls().peekFifo(request)).getMessage());
    } catch (MsgbusException error) {
      if (error.code().equals("not_found")) return null;
      throw error;
    }
  }

  /** Removes the front message if it has this id. */
  public boolean ackFifo(String queue, String messageId) {
    AckFifoRequest request =
        AckFifoRequest.newBuilder().setQueue(queue).setMessageId(messageId).build();
    return MsgbusException.answer(() -> calls().ackFifo(request)).getAccepted();
  }

  /** Counts an attempt on the front message if it has this id. */
  public boolean rejectFifo(String queue, String messageId) {
    RejectFifoRequest request =
        RejectFifoRequest.newBuilder().setQueue(queue).setMessageId(messageId).build();
    return MsgbusException.answer(() -> calls().rejectFifo(request)).getAccepted();
  }

  /** As {@link #call(String, ByteString, Duration)}, for text. */
  public String call(String procedure, String text) {
    return call(procedure, ByteString.copyFromUtf8(text), null).toStringUtf8();
  }

  /**
   * Calls a procedure, whoever serves it and by whatever protocol. Nothing is repeated: after {@code unavailable} it may
   * have run or not.
   *
   * @param timeout null: as long as the daemon allows
   * @throws CallException an error of the application
   */
  public ByteString call(String procedure, ByteString payload, Duration timeout) {
    CallRequest request =
        CallRequest.newBuilder().setProcedure(procedure).setPayload(payload).build();
    ClientServiceGrpc.ClientServiceBlockingStub stub = ClientServiceGrpc.newBlockingStub(channel);
    ClientServiceGrpc.ClientServiceBlockingStub own =
        timeout == null ? stub : stub.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
    CallResponse response;
    try {
      response = MsgbusException.answer(() -> own.call(request));
    } catch (MsgbusException error) {
      throw error.isUnsupported() ? MsgbusException.unsupported("procedures", error) : error;
    }
    if (response.hasFailure()) {
      CallFailure failure = response.getFailure();
      throw new CallException(failure.getName(), failure.getMessage(), failure.getPayload());
    }
    return response.getResult().getPayload();
  }

  /** Serves a procedure; returns when it is registered. */
  public Registration register(String procedure, CallHandler handler) {
    Registration registration = new Registration(this, procedure, handler);
    registration.awaitRegistered();
    return registration;
  }

  /** Hands a message to the client of a name, which may speak any protocol. */
  public void send(String target, ByteString payload) {
    SendRequest request = SendRequest.newBuilder().setTarget(target).setPayload(payload).build();
    MsgbusException.answer(() -> ClientServiceGrpc.newBlockingStub(channel).send(request));
  }

  /** Hands a message to every client whose name matches a mask, and returns how many that were. */
  public int broadcast(String mask, ByteString payload) {
    BroadcastRequest request =
        BroadcastRequest.newBuilder().setMask(mask).setPayload(payload).build();
    return MsgbusException.answer(
            () -> ClientServiceGrpc.newBlockingStub(channel).broadcast(request))
        .getReceivers();
  }

  /** The node id of the daemon. */
  public NodeId node() {
    return NodeId.from(
        MsgbusException.answer(() -> calls().health(HealthRequest.getDefaultInstance())).getNode());
  }

  boolean isClosed() {
    return connection.isShutdown();
  }

  boolean mayRetry(MsgbusException error) {
    return error.isRetryable() && !isClosed() && !Thread.currentThread().isInterrupted();
  }

  private MsgbusServiceGrpc.MsgbusServiceBlockingStub calls() {
    return MsgbusServiceGrpc.newBlockingStub(channel);
  }

  MsgbusServiceGrpc.MsgbusServiceStub v1() {
    return MsgbusServiceGrpc.newStub(channel);
  }

  BusServiceGrpc.BusServiceStub bus() {
    return BusServiceGrpc.newStub(channel);
  }

  ClientServiceGrpc.ClientServiceStub clientsAsync() {
    return ClientServiceGrpc.newStub(channel);
  }

  QueueServiceGrpc.QueueServiceBlockingStub queues() {
    return QueueServiceGrpc.newBlockingStub(channel);
  }

  QueueServiceGrpc.QueueServiceStub queuesAsync() {
    return QueueServiceGrpc.newStub(channel);
  }
}
