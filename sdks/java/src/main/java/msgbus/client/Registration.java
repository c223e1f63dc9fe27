package msgbus.client;

import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import msgbus.v2.Msgbus.CallAnswer;
import msgbus.v2.Msgbus.CallFailure;
import msgbus.v2.Msgbus.CallResult;
import msgbus.v2.Msgbus.Invocation;
import msgbus.v2.Msgbus.Refusal;
import msgbus.v2.Msgbus.RegisterRequest;
import msgbus.v2.Msgbus.RegisterResponse;

/** A procedure that this program serves. It is registered again when the connection breaks. */
public final class Registration implements AutoCloseable {
  private static final int INTERNAL = 13;

  private final MsgbusClient client;
  private final String procedure;
  private final CallHandler handler;
  private final ExecutorService workers;
  private final ReconnectDelay delay = new ReconnectDelay(ReconnectDelay.USUAL);
  private final CompletableFuture<Void> registered = new CompletableFuture<>();
  private volatile boolean isClosed;
  private volatile StreamReader<RegisterRequest, RegisterResponse> stream;

  Registration(MsgbusClient client, String procedure, CallHandler handler) {
    this.client = client;
    this.procedure = procedure;
    this.handler = handler;
    this.workers =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "msgbus-" + procedure);
              thread.setDaemon(true);
              return thread;
            });
    workers.execute(this::run);
  }

  void awaitRegistered() {
    try {
      registered.get();
    } catch (InterruptedException error) {
      close();
      throw MsgbusException.interrupted();
    } catch (ExecutionException error) {
      close();
      throw MsgbusException.from(error.getCause());
    }
  }

  /** Ends it; calls under way fail for their callers. */
  @Override
  public void close() {
    isClosed = true;
    StreamReader<RegisterRequest, RegisterResponse> open = stream;
    if (open != null) open.close();
    workers.shutdown();
  }

  private void run() {
    while (!isClosed) {
      try {
        serve();
      } catch (MsgbusException error) {
        if (isClosed) return;
        if (!registered.isDone()) {
          registered.completeExceptionally(
              error.isUnsupported() ? MsgbusException.unsupported("procedures", error) : error);
          return;
        }
        // A procedure that is taken is most often held by our own old stream.
        if (!client.mayRetry(error) && !error.reason().equals("procedure_taken")) return;
        delay.pause();
      }
    }
  }

  private void serve() {
    StreamReader<RegisterRequest, RegisterResponse> reader = new StreamReader<>();
    StreamObserver<RegisterRequest> answers = client.clientsAsync().register(reader);
    stream = reader;
    if (isClosed) reader.close();
    answers.onNext(
        RegisterRequest.newBuilder()
            .setRegistration(
                msgbus.v2.Msgbus.Registration.newBuilder().addProcedures(procedure))
            .build());
    while (true) {
      RegisterResponse response = reader.next();
      if (response == null) throw MsgbusException.ended();
      if (response.hasRegistered()) {
        delay.reset();
        registered.complete(null);
      }
      for (Invocation invocation : response.getInvocationsList()) {
        workers.execute(() -> answer(invocation, answers));
      }
    }
  }

  private void answer(Invocation invocation, StreamObserver<RegisterRequest> answers) {
    CallAnswer.Builder answer = CallAnswer.newBuilder().setId(invocation.getId());
    try {
      CallHandler.Call call =
          new CallHandler.Call(
              invocation.getProcedure(),
              invocation.getPayload(),
              invocation.getHeadersMap(),
              invocation.getCaller());
      answer.setResult(CallResult.newBuilder().setPayload(handler.answer(call)));
    } catch (CallException error) {
      answer.setFailure(
          CallFailure.newBuilder()
              .setName(error.name())
              .setMessage(error.getMessage())
              .setPayload(error.payload()));
    } catch (Exception error) {
      answer.setRefusal(
          Refusal.newBuilder()
              .setCode(INTERNAL)
              .setReason("application_error")
              .setMessage(String.valueOf(error.getMessage())));
    }
    // One message at a time; on a stream that has ended, whose end the reader sees, nothing happens.
    synchronized (answers) {
      try {
        answers.onNext(RegisterRequest.newBuilder().addAnswers(answer).build());
      } catch (IllegalStateException ended) {
        return;
      }
    }
  }
}
