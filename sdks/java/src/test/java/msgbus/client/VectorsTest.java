package msgbus.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** The vectors of ../../vectors, as every SDK runs them; their README.md says what they mean. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VectorsTest {
  private static final Duration QUICK = Duration.ofMillis(1);

  @Test
  void filters() throws IOException {
    for (JsonElement each : Suite.vectors("topics.json").getAsJsonObject().getAsJsonArray("filters")) {
      String filter = each.getAsJsonObject().get("filter").getAsString();
      if (each.getAsJsonObject().get("valid").getAsBoolean()) TopicFilter.check(filter);
      else assertThrows(MsgbusException.class, () -> TopicFilter.check(filter), filter);
    }
  }

  @Test
  void matches() throws IOException {
    for (JsonElement each : Suite.vectors("topics.json").getAsJsonObject().getAsJsonArray("matches")) {
      JsonObject vector = each.getAsJsonObject();
      boolean matches =
          TopicFilter.matches(vector.get("filter").getAsString(), vector.get("topic").getAsString());
      assertEquals(vector.get("matches").getAsBoolean(), matches, vector.toString());
    }
  }

  @Test
  void errors() throws IOException {
    try (Suite suite = Suite.open();
        MsgbusClient client = MsgbusClient.connect(suite.address("play v1-fetch"))) {
      for (JsonElement each : Suite.vectors("errors.json").getAsJsonArray()) {
        JsonObject vector = each.getAsJsonObject();
        MsgbusException error =
            assertThrows(
                MsgbusException.class, () -> client.getHead(vector.get("topic").getAsString(), null));
        assertEquals(
            List.of(
                vector.get("code").getAsString(),
                vector.get("reason").getAsString(),
                vector.get("retryable").getAsBoolean()),
            List.of(error.code(), error.reason(), error.isRetryable()));
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> conversations() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement each : Suite.vectors("conversations.json").getAsJsonArray()) {
      JsonObject conversation = each.getAsJsonObject();
      tests.add(
          DynamicTest.dynamicTest(conversation.get("name").getAsString(), () -> play(conversation)));
    }
    return tests.stream();
  }

  private static void play(JsonObject conversation) throws Exception {
    try (Suite suite = Suite.open()) {
      JsonObject playing = suite.ask("play " + conversation.get("name").getAsString());
      JsonObject outcome;
      try (MsgbusClient client = MsgbusClient.connect(playing.get("address").getAsString())) {
        outcome = run(client, conversation.getAsJsonObject("client"));
      }
      assertEquals(filled(conversation.getAsJsonObject("expect")), filled(outcome));
      JsonObject verdict = suite.ask("verdict " + playing.get("id"));
      assertEquals("[]", verdict.get("faults").toString());
    }
  }

  /** An empty list and none are the same. */
  private static JsonObject filled(JsonObject outcome) {
    JsonObject filled = new JsonObject();
    for (Map.Entry<String, JsonElement> entry : outcome.entrySet()) {
      JsonElement value = entry.getValue();
      if (!(value.isJsonArray() && value.getAsJsonArray().isEmpty())) {
        filled.add(entry.getKey(), value);
      }
    }
    return filled;
  }

  private static JsonObject run(MsgbusClient client, JsonObject action) throws Exception {
    JsonObject outcome = new JsonObject();
    JsonArray messages = new JsonArray();
    JsonArray heads = new JsonArray();
    outcome.add("messages", messages);
    outcome.add("heads", heads);
    try {
      switch (action.get("do").getAsString()) {
        case "subscribe_log" -> {
          int replayLimit = action.has("replay_limit") ? action.get("replay_limit").getAsInt() : 100;
          take(
              client.subscribeLog(
                  text(action, "topic"), node(action), head(action), replayLimit, QUICK),
              action,
              messages);
        }
        case "subscribe" -> {
          Subscription.Options options =
              new Subscription.Options(
                  start(action.get("from")),
                  node(action),
                  false,
                  Subscription.HistoryChange.EARLIEST,
                  QUICK);
          take(client.subscribe(text(action, "filter"), options), action, messages);
        }
        case "fetch" -> {
          int limit = action.has("limit") ? action.get("limit").getAsInt() : 100;
          for (Message message : client.fetch(text(action, "topic"), null, head(action), limit)) {
            messages.add(shown(message));
          }
        }
        case "publish" ->
            heads.add(client.publish(text(action, "topic"), text(action, "payload")).headId());
        case "publisher" -> publish(client, action, heads);
        case "consume" -> consume(client, action, messages);
        case "call" ->
            outcome.addProperty(
                "answer", client.call(text(action, "procedure"), text(action, "payload")));
        default -> throw new AssertionError(action.toString());
      }
    } catch (CallException error) {
      JsonObject failure = new JsonObject();
      failure.addProperty("name", error.name());
      failure.addProperty("message", error.getMessage());
      failure.addProperty("payload", error.payload().toStringUtf8());
      outcome.add("failure", failure);
    } catch (MsgbusException error) {
      JsonObject failure = new JsonObject();
      failure.addProperty("code", error.code());
      failure.addProperty("reason", error.reason());
      outcome.add("error", failure);
    }
    return outcome;
  }

  private static void take(Feed<Message> feed, JsonObject action, JsonArray messages) {
    try (feed) {
      int take = action.has("take") ? action.get("take").getAsInt() : Integer.MAX_VALUE;
      while (messages.size() < take) messages.add(shown(feed.next()));
    }
  }

  private static void publish(MsgbusClient client, JsonObject action, JsonArray heads)
      throws InterruptedException {
    Publisher.Options options = Publisher.Options.usual().withReconnectDelay(QUICK);
    try (Publisher publisher = client.publisher(options)) {
      List<CompletableFuture<Receipt>> pending = new ArrayList<>();
      for (JsonElement payload : action.getAsJsonArray("payloads")) {
        pending.add(publisher.publish(text(action, "topic"), payload.getAsString()));
      }
      for (CompletableFuture<Receipt> receipt : pending) {
        try {
          heads.add(receipt.get().headId());
        } catch (ExecutionException refused) {
          heads.add(JsonNull.INSTANCE);
        }
      }
    }
  }

  private static void consume(MsgbusClient client, JsonObject action, JsonArray messages) {
    Consumer.Options options = new Consumer.Options(10, Duration.ofSeconds(30), QUICK);
    try (Consumer consumer = client.consume(text(action, "queue"), options)) {
      for (JsonElement each : action.getAsJsonArray("settle")) {
        Delivery delivery = consumer.next();
        QueueMessage message = delivery.message();
        messages.add(
            String.join(
                " ",
                message.queue(),
                Long.toString(message.sequence()),
                message.text(),
                Integer.toString(message.attempts())));
        String[] words = each.getAsString().split(" ");
        Duration duration = Duration.ofMillis(words.length == 1 ? 0 : Long.parseLong(words[1]));
        switch (words[0]) {
          case "ack" -> delivery.ack();
          case "release" -> delivery.release(duration);
          default -> delivery.extend(duration);
        }
      }
    }
  }

  private static String shown(Message message) {
    return String.join(
        " ",
        message.topic(),
        message.origin().deviceId(),
        Long.toString(message.headId()),
        message.text());
  }

  private static String text(JsonObject action, String name) {
    return action.has(name) ? action.get(name).getAsString() : "";
  }

  private static NodeId node(JsonObject action) {
    return action.has("device") ? new NodeId("tenant", "default", text(action, "device")) : null;
  }

  private static long head(JsonObject action) {
    return action.has("from") ? action.get("from").getAsLong() : 1;
  }

  private static Start start(JsonElement from) {
    if (from == null) return Start.EARLIEST;
    if (from.isJsonObject()) {
      JsonObject position = from.getAsJsonObject();
      return Start.after(
          new Position(
              position.get("epoch").getAsString(), position.get("sequence").getAsLong()));
    }
    JsonPrimitive word = from.getAsJsonPrimitive();
    if (word.isNumber()) return Start.atHead(word.getAsLong());
    return switch (word.getAsString()) {
      case "now" -> Start.NOW;
      case "last" -> Start.LAST;
      default -> Start.EARLIEST;
    };
  }
}
