package msgbus.client;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** One connection to the sdk-suite (sdks/suite/README.md). */
final class Suite implements AutoCloseable {
  private final Socket socket;
  private final BufferedReader answers;

  private Suite(Socket socket) throws IOException {
    this.socket = socket;
    this.answers =
        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
  }

  /** Skips the test where there is none: scripts/sdk.mjs starts it. */
  static Suite open() throws IOException {
    String address = System.getenv("MSGBUS_SUITE");
    assumeTrue(address != null, "no sdk-suite: run the tests with `npm run sdk -- java`");
    int colon = address.lastIndexOf(':');
    return new Suite(
        new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))));
  }

  JsonObject ask(String command) throws IOException {
    socket.getOutputStream().write((command + "\n").getBytes(StandardCharsets.UTF_8));
    JsonObject answer = JsonParser.parseString(answers.readLine()).getAsJsonObject();
    if (answer.has("error")) throw new AssertionError(command + ": " + answer.get("error"));
    return answer;
  }

  /** What it plays or starts now. */
  String address(String command) throws IOException {
    return ask(command).get("address").getAsString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }

  static JsonElement vectors(String name) throws IOException {
    return JsonParser.parseString(Files.readString(Path.of("../../vectors", name)));
  }
}
